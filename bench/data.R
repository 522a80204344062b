# fit() from each kind of data, against Python's own way to feed the same in a process of its own.
# A data frame is measured against the matrix of its columns.

source(file.path("bench", "measure.R"))
library(kerasbridge)

rows <- bench_size(full = 200000L, small = 512L)
runs <- bench_size(full = 5L, small = 1L)

set.seed(1)
x <- matrix(stats::runif(rows * 20), rows, dimnames = list(NULL, paste0("x", 1:20)))
y <- rowSums(x)
frame <- data.frame(x, y = y)

small_model <- function(shape) {
  model <- keras_model_sequential(input_shape = shape) |>
    layer_flatten() |>
    layer_dense(64, activation = "relu") |>
    layer_dense(1)
  compile(model, "adam", "mse")
}

# Seconds of an epoch among those of one fit(), the first one left out.
epoch <- function(source, shape = 20, ...) {
  begun <- double()
  note <- callback_lambda(on_epoch_begin = \(epoch, logs) begun <<- c(begun, now()))
  fit(small_model(shape), source, ..., epochs = runs + 2L, verbose = 0, callbacks = note)
  stats::median(diff(begun[-1]))
}

# Seconds of a fit() of one epoch, in which its data are converted. Both kinds train one model, at
# the one pace that it has found.
trained <- small_model(20)
training <- function(x, y) {
  median_seconds(\() fit(trained, x, y, batch_size = 128, epochs = 1, verbose = 0), 2L * runs)
}

# At the end of its elements tf.data waits for the thread that tunes it, up to as long as the epoch
# took: here it comes to no end.
pipeline <- tensor_slices_dataset(list(unname(x), y)) |>
  dataset_shuffle(1024) |>
  dataset_repeat() |>
  dataset_batch(128) |>
  dataset_prefetch(2)

torch <- import("torch")
loader <- torch$utils$data$DataLoader(
  torch$utils$data$TensorDataset(
    torch$tensor(x, dtype = torch$float32), torch$tensor(y, dtype = torch$float32)
  ),
  batch_size = 128L
)

folder <- tempfile("bench-data-")
dir.create(folder)
parquet <- file.path(folder, "data.parquet")
import("pyarrow.parquet")$write_table(
  import("pyarrow")$Table$from_pandas(reticulate::r_to_py(frame)), parquet
)
for (label in c("a", "b")) {
  dir.create(file.path(folder, "images", label), recursive = TRUE)
  for (i in seq_len(rows %/% 100L)) {
    path <- file.path(folder, "images", label, paste0(i, ".png"))
    keras$utils$save_img(path, array(sample(0:255, 3072, TRUE), c(32, 32, 3)))
  }
}
images <- image_dataset_from_directory(
  file.path(folder, "images"), image_size = c(32, 32), batch_size = 32, verbose = FALSE
)
image_batches <- length(images)
images <- dataset_repeat(images)

# Batches that take R 10 ms to make.
slow <- function(i, batches) {
  if (i > batches) {
    return(NULL)
  }
  end <- as.numeric(Sys.time()) + 0.01
  while (as.numeric(Sys.time()) < end) NULL
  list(matrix(1, 128, 20), rep(1, 128))
}
made <- dataset_from_function(slow, batches = ceiling(rows / 640), workers = 2)

# What a large file adds to the peak memory of a process that trains on it, in kB.
grown_by <- function(rows) {
  file <- file.path(folder, "grown.parquet")
  writer <- reticulate::py_run_string("
import numpy, pyarrow, pyarrow.parquet

def write(path, rows, columns=20, group=250_000):
    random = numpy.random.default_rng(1)
    names = [f'x{i}' for i in range(columns)]
    schema = pyarrow.schema([(name, pyarrow.float64()) for name in [*names, 'y']])
    with pyarrow.parquet.ParquetWriter(path, schema) as writer:
        for start in range(0, rows, group):
            values = random.random((columns + 1, min(group, rows - start)))
            writer.write_table(pyarrow.table([*values], schema=schema))
")
  peak <- function(rows) {
    writer$write(file, rows)
    callr::r(function(file, peak_memory) {
      library(kerasbridge)
      model <- keras_model_sequential(input_shape = 20) |> layer_dense(1)
      compile(model, "adam", "mse")
      data <- dataset_from(file, target = "y", batch_size = 1024, shuffle = 10000)
      fit(model, data, epochs = 1, verbose = 0)
      peak_memory()
    }, list(file, peak_memory))
  }
  small <- peak(2048L)
  grown <- peak(rows) - small
  message(round(file.size(file) / 1e9, 2), " GB: ", grown, " kB more")
  grown
}

in_python <- python_reference("data", rows, runs)
report("data", data.frame(
  case = c(
    "tf.data", "DataLoader", "a Parquet file", "an image folder", "a data frame",
    "a function, two workers", "500 MB more for 2 GB of Parquet"
  ),
  ratio = c(
    epoch(pipeline, steps_per_epoch = rows %/% 128L) / in_python$pipeline,
    epoch(loader) / in_python$loader,
    epoch(dataset_from(parquet, target = "y", batch_size = 128)) / in_python$parquet,
    epoch(images, c(32, 32, 3), steps_per_epoch = image_batches) / in_python$images,
    training(frame[1:20], y) / training(x, y),
    epoch(made) / in_python$workers,
    grown_by(bench_size(full = 12000000L, small = 4096L)) / 500e3
  ),
  target = c(1.1, 1.1, 1.1, 1.1, 1.15, 1.3, 1)
))
