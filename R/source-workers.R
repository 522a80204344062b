# R processes that make the batches of a source: a crew. Each makes every n-th batch of a pass, by
# itself, and tells nobody. The values of a batch's arrays lie in a file in memory, which Python
# maps; a second file beside it, which comes into its place whole, says that they are there.

#' Processes that make batches
#'
#' With `workers`, [dataset_from_function()] has its function called in so many R processes, while
#' the model is trained in this one. Worth it where a batch takes R longer than a step takes the
#' device.
#'
#' @section The function:
#' It is called as `f(i, ...)`, where `i` is the number of the batch, counted from 1, and gives that
#' batch, or `NULL` behind the last one of an epoch. Two processes share no variables: a function
#' that counts its calls, or reads on where it was, would count in each of them. One without an
#' argument for the number is refused. It sees the global variables that it names, and the packages
#' that are attached, as they are when the source is made. Its batches hold numbers, logicals and
#' factors.
#'
#' @section Random numbers:
#' Each batch of each epoch has a stream of its own, of the generator `"L'Ecuyer-CMRG"`, from a seed
#' that is drawn when the source is made. After [set.seed()] the batches are therefore the same for
#' any number of workers, and in each [fit()].
#'
#' @section The processes:
#' They start when the first batch is asked for, make up to two batches each in advance, and end
#' with the call of [fit()], [evaluate()] or [predict()], in whichever way that ends. An error in
#' one is the error of that call, with its trace; a process that was killed is an error, too.
#'
#' @examplesIf can_run_keras() && config_backend() != "numpy" && interactive()
#' noisy <- function(i, size) {
#'   if (i > 20) {
#'     return(NULL)
#'   }
#'   x <- matrix(rnorm(size * 2), size)
#'   list(x, x[, 1] - x[, 2])
#' }
#' model <- keras_model_sequential(input_shape = 2) |> layer_dense(1)
#' model |> compile("sgd", "mse")
#' model |> fit(dataset_from_function(noisy, size = 32, workers = 2), epochs = 3)
#' @concept datasets
#' @name kerasbridge_workers
NULL

# A source whose batches a crew makes. Each call of fit() starts one, which makes the same batches.
r_source_of_workers <- function(f, args, workers, call) {
  check_installed("callr", "to make batches in other processes.")
  if (!length(formals(f))) {
    abort_argument(c(
      "With {.arg workers}, {.arg f} must take the number of the batch as its first argument.",
      i = "Several processes call it, and share no variables in which it could count."
    ), call)
  }
  task <- list(
    f = f, args = args, globals = globals_of(f), packages = attached_packages(),
    seed = sample.int(.Machine$integer.max, 1L)
  )
  crew <- NULL
  call_py_raw(bound$source_function, function() {
    if (is.null(crew) || crew$ended) crew <<- start_crew(task, workers)
    next_batch_of(crew)
  })
}

# The global variables that a function needs, those of the functions among them included.
globals_of <- function(f, found = list()) {
  for (name in setdiff(unlist(free_names(f)), names(found))) {
    value <- get0(name, environment(f))
    if (exists(name, globalenv(), inherits = FALSE)) found[name] <- list(value)
    if (is_source_function(value) && !isNamespace(topenv(environment(value)))) {
      found <- globals_of(value, found)
    }
  }
  found
}

start_crew <- function(task, workers) {
  root <- "/dev/shm"
  if (!dir.exists(root) || file.access(root, 2L) != 0L) root <- tempdir()
  crew <- new.env(parent = emptyenv())
  crew$ended <- FALSE
  crew$pass <- crew$index <- 1L
  crew$folder <- tempfile("kerasbridge-batches-", root)
  dir.create(crew$folder, mode = "0700")
  reg.finalizer(crew, end_crew, onexit = TRUE)
  the$crews <- c(the$crews, crew)
  crew$processes <- lapply(seq_len(workers), function(number) {
    callr::r_bg(
      function(...) asNamespace("kerasbridge")$make_batches(...),
      list(task, crew$folder, number, workers),
      stdout = file.path(crew$folder, paste0("out-", number)), stderr = "2>&1", supervise = TRUE
    )
  })
  crew
}

end_crew <- function(crew) {
  if (crew$ended) {
    return(invisible())
  }
  crew$ended <- TRUE
  the$crews <- Filter(\(other) !identical(other, crew), the$crews)
  for (process in crew$processes) process$kill()
  unlink(crew$folder, recursive = TRUE)
}

# Those that were started since `before`.
end_crews <- function(before) {
  for (crew in the$crews) if (!any(vapply(before, identical, NA, crew))) end_crew(crew)
}

next_batch_of <- function(crew) {
  path <- batch_path(crew$folder, crew$pass, crew$index)
  await_batch(crew, path)
  made <- readRDS(path)
  if (!is.null(made$error)) {
    end_crew(crew)
    cnd_signal(made$error)
  }
  if (is.null(made$batch)) {
    file.create(done_path(crew$folder, crew$pass))
    crew$pass <- crew$pass + 1L
    crew$index <- 1L
    return(NULL)
  }
  batch <- mapped(made$batch, values_path(path))
  unlink(c(path, values_path(path))) # what is mapped stays until it is let go
  crew$index <- crew$index + 1L
  if (is.null(names(batch))) batch else do.call(dict_of, batch)
}

await_batch <- function(crew, path) {
  number <- (crew$index - 1L) %% length(crew$processes) + 1L
  process <- crew$processes[[number]]
  while (!file.exists(path)) {
    if (!process$is_alive() && !file.exists(path)) {
      why <- how_ended(process)
      last <- utils::tail(readLines(file.path(crew$folder, paste0("out-", number))), 5L)
      end_crew(crew)
      cli_abort(
        c(paste0("Process {number} of those that make batches ", why, "."), escaped(last)),
        class = "kerasbridge_error", call = NULL
      )
    }
    Sys.sleep(0.001)
  }
}

# Arrays that Python sees where they lie, in the structure of the batch.
mapped <- function(part, path) {
  if (inherits(part, "kerasbridge_values")) {
    return(call_py_raw(bound$worker_array, path, part$type, as.list(part$dim), part$offset))
  }
  if (is.list(part)) lapply(part, mapped, path) else part
}

batch_path <- function(folder, pass, index) file.path(folder, paste0(pass, "-", index))
values_path <- function(path) paste0(path, ".values")
done_path <- function(folder, pass) file.path(folder, paste0("done-", pass))

# In a process of the crew, all the rest: pass after pass, until it is killed.
make_batches <- function(task, folder, number, workers) {
  for (package in task$packages) {
    suppressPackageStartupMessages(library(package, character.only = TRUE))
  }
  list2env(task$globals, globalenv())
  RNGkind("L'Ecuyer-CMRG")
  set.seed(task$seed)
  stream <- globalenv()$.Random.seed
  waiting <- character()
  for (pass in seq_len(.Machine$integer.max)) {
    index <- number
    of_batch <- advanced(stream, number - 1L)
    repeat {
      waiting <- await_room(waiting)
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
      index <- index + workers
      of_batch <- advanced(of_batch, workers)
    }
    while (!file.exists(done_path(folder, pass))) Sys.sleep(0.001)
    stream <- parallel::nextRNGStream(stream)
  }
}

# Two batches of a process may wait to be taken.
await_room <- function(waiting) {
  while (length(waiting <- waiting[file.exists(waiting)]) >= 2L) Sys.sleep(0.002)
  waiting
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
