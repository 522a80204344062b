# The page that draws a training as it goes.

# inst/view/metrics.html draws what metrics.js beside it says. R writes that file in its turns,
# which are rare enough; the page reads it again and again. A folder will do for that, and a server
# of httpuv gives the files from a thread of its own while R is busy. Such a server also takes the
# button's word to R, which hears it in a turn.

# `show` for new_turns(), and `end`, to be called with how the training ended, and where it was
# interrupted.
new_view <- function(view_metrics, model, epochs, verbose, call = caller_env()) {
  if (!is_viewed(view_metrics, epochs, verbose, call)) {
    return(list(show = NULL, end = \(status, at) NULL))
  }
  view <- new.env(parent = emptyenv())
  view$model <- model$name
  view$lines <- list()
  view$trail <- list()
  view$stopping <- FALSE
  list(
    show = function(event, state) {
      if (length(state)) show_in_view(view, event, state)
      view$stopping
    },
    end = function(status, at) {
      # the last turn may have been some steps before
      for (name in intersect(c("epoch", "step"), names(at))) view$state[[name]] <- at[[name]]
      if (!is.null(view$folder)) write_view(view, status)
      view$lines <- view$trail <- NULL
    }
  )
}

is_viewed <- function(view_metrics, epochs, verbose, call) {
  if (identical(view_metrics, "auto")) view_metrics <- getOption("keras.view_metrics", "auto")
  if (identical(view_metrics, "auto")) {
    several <- is.numeric(epochs) && isTRUE(epochs[[1L]] > 1)
    return(is_interactive() && is.function(getOption("viewer")) && several && verbose > 0)
  }
  if (!is_bool(view_metrics)) {
    abort_argument("{.arg view_metrics} must be TRUE, FALSE or {.val auto}.", call)
  }
  view_metrics
}

show_in_view <- function(view, event, state) {
  view$state <- state
  if (event == "epoch") {
    view$trail <- list()
    view$lines <- add_values(view$lines, state$epoch, state$metrics)
  } else if (!is.null(state$steps)) {
    position <- state$epoch - 1 + state$step / state$steps
    view$trail <- lapply(add_values(view$trail, position, state$metrics), thinned)
  }
  if (is.null(view$folder)) open_view(view)
  if (state$due) write_view(view, "training")
}

add_values <- function(lines, at, metrics) {
  for (name in names(metrics)) {
    line <- lines[[name]]
    lines[[name]] <- list(epoch = c(line$epoch, at), value = c(line$value, metrics[[name]]))
  }
  lines
}

# A line for the page, which has a few hundred pixels.
thinned <- function(line, most = 500L) {
  n <- length(line$epoch)
  if (n > most) lapply(line, \(part) part[round(seq(1, n, length.out = most))]) else line
}

# What the page is to draw, as metrics.js has it.
write_view <- function(view, status) {
  view$at <- c(view$at, 0)[[1L]] + 1
  state <- view$state
  known <- unique(metric_of(c(names(view$lines), names(state$metrics))))
  drawn <- list(
    at = view$at, status = status, model = view$model,
    epoch = state$epoch, epochs = state$epochs, batch = state$step, batches = state$steps,
    speed = state$speed, seconds = state$total_seconds, left = state$left, done = state$done,
    stop = view$stop_at, panels = I(lapply(known, \(metric) view_panel(view, metric)))
  )
  # A number that is none is text in JSON; I() keeps a vector of one a vector.
  json <- jsonlite::toJSON(drawn, auto_unbox = TRUE, digits = I(6), null = "null", na = "string")
  file <- file.path(view$folder, "metrics.js")
  written <- paste0(file, ".new")
  writeLines(enc2utf8(paste0("training(", json, ")")), written, useBytes = TRUE)
  # Where a reader keeps it from being replaced, the next turn does it.
  suppressWarnings(file.rename(written, file))
}

view_panel <- function(view, metric) {
  of_metric <- function(lines) {
    lines <- lines[metric_of(names(lines)) == metric]
    names(lines) <- data_of(names(lines))
    lapply(lines, \(line) lapply(thinned(line), I))
  }
  # An epoch's last values stay while its successor has none yet.
  last <- lapply(view$lines, \(line) line$value[[length(line$value)]])
  last[names(view$state$metrics)] <- view$state$metrics
  now <- last[metric_of(names(last)) == metric]
  list(
    metric = metric,
    data = c(of_metric(view$lines), set_names(list(), character())),
    trail = of_metric(view$trail)$training %||% list(epoch = I(numeric()), value = I(numeric())),
    now = set_names(now, data_of(names(now)))
  )
}

# A folder with the page of one training, and the browser there.
open_view <- function(view) {
  the$views <- c(the$views, view)
  name <- paste0("training-", length(the$views))
  root <- file.path(tempdir(), "kerasbridge")
  view$folder <- file.path(root, name)
  dir.create(view$folder, recursive = TRUE, showWarnings = FALSE)
  page <- system.file("view", "metrics.html", package = "kerasbridge", mustWork = TRUE)
  at <- file.path(view$folder, "index.html")
  file.copy(page, at, overwrite = TRUE)
  if (is_installed("httpuv")) {
    at <- paste0(view_server(root), "/", name, "/index.html")
    view$stop_at <- paste0("../stop/", length(the$views))
  }
  write_view(view, "training")
  viewer <- getOption("viewer")
  if (is.function(viewer)) viewer(at) else utils::browseURL(at)
}

# The address of the session's server, below a name that no other page can know.
view_server <- function(root) {
  if (is.null(the$view_server)) {
    secret <- basename(tempfile("view-"))
    paths <- list(httpuv::staticPath(root), httpuv::excludeStaticPath())
    port <- free_port()
    httpuv::startServer("127.0.0.1", port, list(
      call = take_stop,
      staticPaths = set_names(paths, paste0("/", secret, c("", "/stop")))
    ))
    the$view_server <- paste0("http://127.0.0.1:", port, "/", secret)
  }
  the$view_server
}

# The button of a page was pressed.
take_stop <- function(request) {
  known <- grepl(paste0("^/", basename(the$view_server), "/stop/[0-9]+$"), request$PATH_INFO)
  if (request$REQUEST_METHOD != "POST" || !known) {
    return(list(status = 404L, headers = list(), body = ""))
  }
  view <- the$views[[as.integer(basename(request$PATH_INFO))]]
  view$stopping <- TRUE
  list(status = 204L, headers = list(), body = "")
}
