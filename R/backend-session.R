# R code on another backend: in a child process that is kept warm.

#' Run code on another backend
#'
#' \ifelse{html}{\figure{experimental.svg}{options: alt='Experimental'}}{\strong{Experimental.}}
#' A session has one backend. `with_backend()` evaluates an expression in another R process, on
#' another backend, and gives its value back. The process stays for the next call; it is started
#' when it is first needed, and ends with this session or with `close_backend_session()`.
#'
#' Models that the expression names are sent as [serialize_model()] writes them, tensors as arrays;
#' a model that the expression gives comes back as a model of this session's backend. R's own values
#' are sent as they are. What else Python holds, such as a layer or an optimizer, does not cross:
#' make it in the expression.
#'
#' @param backend `"tensorflow"`, `"jax"`, `"torch"` or `"numpy"`.
#' @param expr An expression. It sees the variables and functions of yours that it names, and what
#'   these functions name in turn, as they are here, and the packages that are attached here. What
#'   it assigns is gone afterwards.
#' @param timeout Number of seconds after which the other process is ended with an error. Default
#'   `Inf`.
#'
#' @returns The value of the expression; `close_backend_session()` gives `NULL`, invisibly.
#' @examplesIf can_run_keras() && interactive()
#' x <- matrix(c(-1, 0, 1), 1)
#' with_backend("torch", as.array(op_softmax(x)))
#' close_backend_session("torch")
#' @export
with_backend <- function(backend, expr, timeout = Inf) {
  backend <- check_backend(backend)
  check_timeout(timeout)
  check_installed("callr", "to run code on another backend.")
  expr <- substitute(expr)
  needed <- needed_in(expr, parent.frame())
  sent <- c("variables", "globals")
  needed[sent] <- lapply(needed[sent], \(values) lapply(values, as_sent))
  session <- backend_process(backend)
  finished <- FALSE
  # An interrupted or late call leaves the process in the middle of something.
  on.exit(if (!finished) close_backend_session(backend), add = TRUE)
  session$call(
    function(task) asNamespace("kerasbridge")$run_sent(task),
    list(c(list(expr = expr, packages = attached_packages()), needed))
  )
  late <- timer(timeout)
  while (session$poll_process(200) == "timeout") {
    if (late()) {
      cli_abort(
        "The code on {.val {backend}} was ended after {timeout} seconds.",
        class = "kerasbridge_error", call = current_env()
      )
    }
  }
  answer <- session$read()
  finished <- session$is_alive()
  cat(answer$stdout, sep = "")
  if (nzchar(answer$stderr %||% "")) message(answer$stderr, appendLF = FALSE)
  if (!is.null(answer$error)) {
    cli_abort(
      "The code on {.val {backend}} failed.",
      class = "kerasbridge_error", parent = answer$error$parent %||% answer$error,
      call = current_env()
    )
  }
  as_received(answer$result)
}

#' @rdname with_backend
#' @export
close_backend_session <- function(backend) {
  backend <- check_backend(backend)
  session <- the$sessions[[backend]]
  the$sessions[[backend]] <- NULL
  if (!is.null(session)) session$kill()
  invisible()
}

backend_process <- function(backend) {
  session <- the$sessions[[backend]]
  if (is.null(session) || !session$is_alive()) {
    options <- callr::r_session_options(
      env = c(callr::rcmd_safe_env(), KERAS_BACKEND = backend, KERASBRIDGE_LAUNCHED = "")
    )
    session <- callr::r_session$new(options)
    the$sessions[[backend]] <- session
  }
  session
}

# In the other process.
run_sent <- function(task) {
  attach_packages(task$packages)
  on.exit(rm(list = names(task$globals), envir = globalenv()))
  list2env(lapply(task$globals, as_received), globalenv())
  variables <- lapply(task$variables, as_received)
  as_sent(eval(task$expr, list2env(variables, parent = task$parent)))
}

# A value as another process can read it, and back.
as_sent <- function(value) {
  if (inherits(value, "keras.src.models.model.Model")) {
    return(structure(list(model = serialize_model(value)), class = "kerasbridge_sent"))
  }
  if (inherits(value, the$tensor_classes)) {
    return(as.array(value))
  }
  if (typeof(value) == "list") each_element(value, as_sent) else as_crossing(value)
}

as_received <- function(value) {
  if (inherits(value, "kerasbridge_sent")) {
    return(unserialize_model(value$model))
  }
  each_element(value, as_received)
}
