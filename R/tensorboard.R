# TensorBoard, a process of its own beside R.

#' Watch a training in TensorBoard
#'
#' Starts TensorBoard, which shows in a browser what [callback_tensorboard()] writes, while it is
#' written. It ends with the R session, or with `action = "stop"`.
#'
#' TensorBoard is a Python package of its own: where it is missing, the error names the call that
#' installs it. [callback_tensorboard()] writes by way of TensorFlow, on every backend.
#'
#' @param log_dir Path of a directory with logs. Of several, the logs are shown side by side, under
#'   the names of the vector where it has any. Default `"logs"`, as for the callback.
#' @param action `"start"`, the default, or `"stop"`, which ends what was started for `log_dir`, or
#'   for all directories when none is given.
#' @param host Address that TensorBoard listens at. The default is this machine alone.
#' @param port Number of the port, or `"auto"`, the default, for one that is free.
#' @param launch_browser `TRUE` to show the page, or a function that is given its address. The
#'   default shows it in an interactive session.
#' @param reload_interval Seconds between two looks at the logs. Default 5.
#' @param purge_orphaned_data Whether what a restarted training writes again takes the place of
#'   what was there. Default `TRUE`.
#' @returns The address of the page, a string, invisibly; for `"stop"`, the addresses that are no
#'   longer there.
#' @examplesIf FALSE
#' model |> fit(x, y, callbacks = callback_tensorboard("logs"))
#' tensorboard("logs")
#' tensorboard(action = "stop")
#' @export
tensorboard <- function(log_dir = "logs", action = c("start", "stop"), host = "127.0.0.1",
                        port = "auto", launch_browser = interactive(), reload_interval = 5,
                        purge_orphaned_data = TRUE) {
  action <- rlang::arg_match(action)
  if (!is.character(log_dir) || !length(log_dir) || anyNA(log_dir) || !all(nzchar(log_dir))) {
    abort_argument("{.arg log_dir} must be paths of directories, strings.")
  }
  folders <- set_names(path.expand(log_dir), names(log_dir))
  if (action == "stop") {
    return(invisible(stop_tensorboard(if (!missing(log_dir)) folders)))
  }
  if (!is_string(host)) abort_argument("{.arg host} must be an address, a string.")
  if (identical(port, "auto")) port <- 0
  if (!is_integerish(port, 1, finite = TRUE) || port < 0 || port > 65535) {
    abort_argument("{.arg port} must be the number of a port, or \"auto\".")
  }
  if (!is_bool(launch_browser) && !is.function(launch_browser)) {
    abort_argument("{.arg launch_browser} must be {.code TRUE}, {.code FALSE} or a function.")
  }
  check_flag(purge_orphaned_data)
  check_installed("processx", "to start TensorBoard.")
  if (!reticulate::py_module_available("tensorboard")) {
    abort_argument(c(
      "TensorBoard is missing in R's Python.",
      i = "{.code py_install(\"tensorboard\")} installs it, or {.code py_require(\"tensorboard\")}
           at the start of a session."
    ))
  }
  # Several directories are one argument, each with its name.
  logs <- if (length(folders) == 1L && is.null(names(folders))) {
    c("--logdir", folders)
  } else {
    c("--logdir_spec", paste(names(folders) %||% basename(folders), folders,
      sep = ":", collapse = ","
    ))
  }
  options <- c(
    "--host", host, "--port", format(port), "--reload_interval", format(reload_interval),
    "--purge_orphaned_data", tolower(purge_orphaned_data)
  )
  board <- start_tensorboard(c("-m", "tensorboard.main", logs, options), folders)
  if (is.function(launch_browser)) {
    launch_browser(board$url)
  } else if (launch_browser) {
    utils::browseURL(board$url)
  }
  invisible(board$url)
}

# Loading TensorFlow beside it is most of its start.
tensorboard_starts_within <- 120

# The process, its directories and its address, once it serves.
start_tensorboard <- function(arguments, folders, call = caller_env()) {
  said <- tempfile("tensorboard-")
  process <- processx::process$new(
    reticulate::py_exe(), arguments,
    env = c("current", LD_LIBRARY_PATH = "", PYTHONWARNINGS = "ignore", TF_CPP_MIN_LOG_LEVEL = "3"),
    stdout = said, stderr = "2>&1", cleanup = TRUE
  )
  late <- timer(tensorboard_starts_within)
  repeat {
    lines <- readLines(said, warn = FALSE)
    url <- regmatches(lines, regexpr("http://\\S+", lines))
    if (length(url) || !process$is_alive() || late()) break
    process$wait(100)
  }
  if (!length(url)) {
    process$kill()
    abort_argument(c("TensorBoard did not start.", escaped(utils::tail(lines, 5L))), call)
  }
  board <- list(process = process, folders = folders, url = url[[1L]])
  the$tensorboards <- c(the$tensorboards, list(board))
  board
}

# The addresses of those that were ended: of all, or of one with these directories.
stop_tensorboard <- function(folders) {
  wanted <- vapply(the$tensorboards, \(board) {
    is.null(folders) || identical(board$folders, folders)
  }, NA)
  ended <- the$tensorboards[wanted]
  the$tensorboards <- the$tensorboards[!wanted]
  for (board in ended) board$process$kill()
  vapply(ended, `[[`, "", "url")
}
