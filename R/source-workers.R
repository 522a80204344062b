# R processes that make the batches of a source: a crew. Each makes every n-th batch of a pass, by
# itself, and tells nobody. The values of a batch's arrays lie in a file in memory, which Python
# maps; a second file beside it, which comes into its place whole, says that they are there. What a
# process does is in source-made.R.

#' Processes that make batches
#'
#' \ifelse{html}{\figure{experimental.svg}{options: alt='Experimental'}}{\strong{Experimental.}}
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
#' Where a plan of the package future names other R processes, such as
#' `future::plan(future::multisession, workers = 4)`, the batches are made in these. They must be on
#' this machine, and `workers` of them free; those of the plan are not ended, but free again. Forked
#' processes (`future::multicore`) are passed over, as they have copies of a framework's locks.
#'
#' @returns [dataset_from_function()] gives a data set, which [fit()], [evaluate()] and [predict()]
#'   take.
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
  if (!has_plan()) check_installed("callr", "to make batches in other processes.")
  if (!length(formals(f))) {
    abort_argument(c(
      "With {.arg workers}, {.arg f} must take the number of the batch as its first argument.",
      i = "Several processes call it, and share no variables in which it could count."
    ), call)
  }
  task <- list(
    f = f, args = args, globals = globals_of(f), packages = attached_packages(),
    seed = sample.int(.Machine$integer.max, 1L), owner = Sys.getpid(), workers = workers
  )
  crew <- NULL
  call_py_raw(bound$source_function, function() {
    if (is.null(crew) || crew$ended) crew <<- start_crew(task)
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

start_crew <- function(task) {
  start <- own_maker
  if (has_plan()) {
    check_plan(task$workers)
    start <- planned_maker
  }
  crew <- new.env(parent = emptyenv())
  crew$ended <- FALSE
  crew$pass <- crew$index <- 1L
  crew$folder <- tempfile("kerasbridge-batches-", shared_folder())
  dir.create(crew$folder, mode = "0700")
  reg.finalizer(crew, end_crew, onexit = TRUE)
  the$crews <- c(the$crews, crew)
  crew$makers <- lapply(seq_len(task$workers), start, task, crew$folder)
  crew
}

# A process of the crew, as what can be asked of it: whether it `is_alive()`, how it `ended()`, and
# to `end()`.
own_maker <- function(number, task, folder) {
  output <- file.path(folder, paste0("out-", number))
  process <- callr::r_bg(
    function(...) asNamespace("kerasbridge")$make_batches(...), list(number, task, folder),
    stdout = output, stderr = "2>&1", supervise = TRUE
  )
  list(
    is_alive = process$is_alive,
    ended = \() c(how_ended(process), utils::tail(readLines(output), 5L)),
    end = process$kill
  )
}

# A process of the user's plan, which ends its work by itself once the crew's folder is gone. What
# it says meanwhile stays there: here, a condition would end a step in its midst.
planned_maker <- function(number, task, folder) {
  made <- future::future(
    asNamespace("kerasbridge")$make_batches(number, task, folder),
    globals = list(number = number, task = task, folder = folder),
    seed = NULL, stdout = NA, conditions = character(), lazy = FALSE
  )
  # a process that was killed is an error to whoever asks
  is_alive <- function() !tryCatch(future::resolved(made), error = \(e) TRUE)
  list(
    is_alive = is_alive,
    ended = function() {
      failed <- tryCatch(future::value(made), error = identity)
      why <- if (inherits(failed, "error")) conditionMessage(failed)
      c("was lost", why %||% "The processes of a plan must be on this machine.")
    },
    end = function() {
      given_up <- Sys.time() + 5 # what it computes now is the user's, and may take its time
      while (is_alive() && Sys.time() < given_up) Sys.sleep(0.002)
      if (is_alive()) the$late <- c(the$late, is_alive)
    }
  )
}

has_plan <- function() {
  isNamespaceLoaded("future") && !inherits(future::plan(), c("uniprocess", "multicore"))
}

# Asked for more than it has free, a plan waits: for ever, where another crew has them.
check_plan <- function(workers) {
  the$late <- Filter(\(is_alive) is_alive(), the$late) # a plan knows of an end that was asked for
  free <- future::nbrOfFreeWorkers()
  if (free < workers) {
    abort_argument(c(
      "{.arg workers} is {workers}, and of the plan's processes {free} {?is/are} free.",
      i = "Set one with more of them, as by {.code future::plan(future::multisession, workers = )}."
    ), NULL)
  }
}

end_crew <- function(crew) {
  if (crew$ended) {
    return(invisible())
  }
  crew$ended <- TRUE
  the$crews <- Filter(\(other) !identical(other, crew), the$crews)
  unlink(crew$folder, recursive = TRUE)
  for (maker in crew$makers) maker$end()
  unlink(crew$folder, recursive = TRUE) # one was about to write
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
  number <- (crew$index - 1L) %% length(crew$makers) + 1L
  maker <- crew$makers[[number]]
  while (!file.exists(path)) {
    if (!maker$is_alive() && !file.exists(path)) {
      why <- maker$ended()
      end_crew(crew)
      cli_abort(
        c("Process {number} of those that make batches {why[[1L]]}.", escaped(why[-1L])),
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
