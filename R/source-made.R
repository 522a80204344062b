# What a process of a crew does: it makes batches, pass after pass, until it is killed, or nobody
# wants them any more.

make_batches <- function(number, task, folder) {
  tryCatch(make_passes(number, task, folder), kerasbridge_unwanted = \(cnd) NULL)
}

make_passes <- function(number, task, folder) {
  await <- function() {
    if (!is_wanted(task$owner, folder)) signal("", "kerasbridge_unwanted")
    Sys.sleep(0.001)
  }
  for (package in task$packages) {
    suppressPackageStartupMessages(library(package, character.only = TRUE))
  }
  list2env(task$globals, globalenv())
  before <- get0(".Random.seed", globalenv(), inherits = FALSE)
  on.exit(set_random_state(before)) # whose process it is may draw numbers, too
  RNGkind("L'Ecuyer-CMRG")
  set.seed(task$seed)
  stream <- globalenv()$.Random.seed
  waiting <- character()
  for (pass in seq_len(.Machine$integer.max)) {
    index <- number
    of_batch <- advanced(stream, number - 1L)
    repeat {
      waiting <- await_room(waiting, await)
      path <- batch_path(folder, pass, index)
      assign(".Random.seed", of_batch, globalenv())
      made <- made_batch(task, index, path)
      saveRDS(made, paste0(path, "-"), compress = FALSE)
      file.rename(paste0(path, "-"), path)
      if (!is.null(made$error)) {
        return()
      }
      if (is.null(made$batch)) break
      waiting <- c(waiting, path)
      index <- index + task$workers
      of_batch <- advanced(of_batch, task$workers)
    }
    while (!file.exists(done_path(folder, pass))) await()
    stream <- parallel::nextRNGStream(stream)
  }
}

# Two batches of a process may wait to be taken.
await_room <- function(waiting, await) {
  while (length(waiting <- waiting[file.exists(waiting)]) >= 2L) await()
  waiting
}

# A crew's folder goes with it; one whose R was killed goes here.
is_wanted <- function(owner, folder, os = .Platform$OS.type) {
  if (isFALSE(is_running(owner, os))) unlink(folder, recursive = TRUE)
  dir.exists(folder)
}

set_random_state <- function(seed) {
  RNGkind("default")
  if (is.null(seed)) {
    rm(".Random.seed", envir = globalenv())
  } else {
    assign(".Random.seed", seed, globalenv())
  }
}

advanced <- function(stream, times) {
  for (i in seq_len(times)) stream <- parallel::nextRNGSubStream(stream)
  stream
}

# A batch, whose values are written, or the error that it ended in.
made_batch <- function(task, index, path) {
  failed <- NULL
  batch <- tryCatch(
    withCallingHandlers(
      written_batch(do.call(task$f, c(list(index), task$args)), path),
      error = entrace
    ),
    error = \(e) failed <<- e
  )
  if (is.null(failed)) list(batch = batch) else list(error = without_python(failed))
}

written_batch <- function(batch, path) {
  if (is.null(batch)) {
    return(NULL)
  }
  con <- file(values_path(path), "wb")
  on.exit(close(con))
  size <- 0
  put <- function(x) {
    value <- structure(
      list(type = typeof(x), dim = dim(x), offset = size),
      class = "kerasbridge_values"
    )
    writeBin(as.vector(x), con)
    size <<- size + length(x) * (if (is.double(x)) 8 else 4)
    value
  }
  batch <- lapply(parts_of_batch(batch), written_part, put)
  close(con)
  on.exit()
  if (file.size(values_path(path)) != size) {
    abort_argument("There is no room for a batch of {size} bytes in {.file {dirname(path)}}.", NULL)
  }
  batch
}

written_part <- function(x, put) {
  if (is.data.frame(x)) x <- frame_part(x, "f", NULL)
  if (is.list(x) && !is.object(x)) {
    return(lapply(x, written_part, put))
  }
  if (is.factor(x)) x <- as.integer(check_no_na(x, "f", NULL)) - 1L
  if (is.null(x)) {
    return(NULL)
  }
  if (!typeof(x) %in% c("double", "integer", "logical") || inherits(x, "integer64")) {
    abort_argument(c(
      "A batch of {.arg f} holds {.obj_type_friendly {x}}.",
      i = "Numbers, logicals and factors come from another process, and nothing else."
    ), NULL)
  }
  put(pack_part(x, "f", NULL))
}
