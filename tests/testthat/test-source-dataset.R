test_that("every name of tfdatasets is here with its arguments, or has a reason", {
  known <- utils::read.csv(test_path("tfdatasets-arguments.csv"))
  page <- test_path("..", "..", "vignettes", "articles", "from-keras3.Rmd")
  skip_if_not(file.exists(page))
  reasons <- grep("^[|] `", readLines(page), value = TRUE)
  reasons <- sub("^[|]([^|]*)[|].*", "\\1", reasons)
  explained <- unlist(regmatches(reasons, gregexpr("(?<=`)[a-z_]+(?=`)", reasons, perl = TRUE)))
  here <- getNamespaceExports("kerasbridge")
  for (i in seq_len(nrow(known))) {
    name <- known$name[[i]]
    expect_true(xor(name %in% here, name %in% explained), label = name)
    if (name %in% here && nzchar(known$arguments[[i]])) {
      theirs <- strsplit(known$arguments[[i]], " ")[[1L]]
      ours <- names(formals(getExportedValue("kerasbridge", name)))
      expect_identical(ours[seq_along(theirs)], theirs, label = paste0(name, "()"))
    }
  }
})

test_that("files are read by lines, records and fields", {
  folder <- withr::local_tempdir()
  file <- file.path(folder, "cars.csv")
  utils::write.csv(cars[1:4, ], file, row.names = FALSE)
  spec <- csv_record_spec(file)
  expect_identical(unlist(spec$names), c("speed", "dist"))
  tsv <- file.path(folder, "cars.tsv")
  utils::write.table(cars[1:4, ], tsv, sep = "\t", row.names = FALSE, col.names = FALSE)
  given <- tsv_record_spec(tsv, names = c("a", "b"), types = "dd")
  writeBin(as.raw(1:7), file.path(folder, "bytes.bin"))
  for (engine in c("tf.data", "grain")) {
    withr::local_options(kerasbridge.dataset_engine = engine)
    lines <- value_of(dataset_collect(text_line_dataset(file)))
    expect_identical(lines[[2L]], "4,2", label = engine)
    expect_equal(as.data.frame(text_line_dataset(file, record_spec = spec)), cars[1:4, ])
    expect_equal(as.data.frame(csv_dataset(file)), cars[1:4, ])
    expect_equal(
      as.data.frame(text_line_dataset(tsv, record_spec = given)),
      structure(cars[1:4, ], names = c("a", "b"))
    )
    listed <- file_list_dataset(file.path(folder, "*.?sv"), shuffle = FALSE)
    expect_identical(basename(unlist(value_of(dataset_collect(listed)))), c("cars.csv", "cars.tsv"))
    read <- read_files(file.path(folder, "*.csv"), text_line_dataset)
    expect_length(dataset_collect(read), 5L)
    bytes <- fixed_length_record_dataset(file.path(folder, "bytes.bin"), 2, header_bytes = 1)
    expect_length(dataset_collect(bytes), 3L)
    expect_refused(text_line_dataset(file, record_spec = "csv"), "`record_spec`")
  }
  expect_refused(csv_record_spec(file.path(folder, "none.csv")), "`example_file`")
  expect_refused(csv_record_spec(file, types = "dx"), "`types`")
})

test_that("tf.data reads columns and queries", {
  withr::local_options(kerasbridge.dataset_engine = "tf.data")
  folder <- withr::local_tempdir()
  file <- file.path(folder, "cars.csv")
  utils::write.csv(cars[1:4, ], file, row.names = FALSE)
  columns <- make_csv_dataset(file, 2, label_name = "dist", num_epochs = 1, shuffle = FALSE)
  batch <- value_of(dataset_collect(columns, 1))[[1L]]
  expect_equal(batch, list(list(speed = c(4L, 4L)), c(2L, 10L)))
  skip_if_not_installed("RSQLite")
  database <- file.path(folder, "cars.sqlite")
  connection <- DBI::dbConnect(RSQLite::SQLite(), database)
  DBI::dbWriteTable(connection, "cars", data.frame(speed = 4:6, name = c("a", "b", "c")))
  DBI::dbDisconnect(connection)
  spec <- sql_record_spec(c("speed", "name"), c("integer", "character"))
  rows <- sqlite_dataset(database, "SELECT speed, name FROM cars", spec)
  expect_identical(as.data.frame(rows), data.frame(speed = 4:6, name = c("a", "b", "c")))
})
