# What is installed, where it came from, what is wrong with it, and the line that mends it.

#' What kerasbridge runs on, and what is wrong with it
#'
#' Looks at R, reticulate, Python, Keras and its backends, and at the settings that decide between
#' them, and names each problem with its remedy. The result prints as a report that fits into a
#' bug report, with no more than the settings below.
#'
#' Looking changes nothing: Python is started only if `start` says so. Without Python, what is
#' known of it is where reticulate would look.
#'
#' @param start Whether to start Python, so that its packages and devices can be told. The default
#'   starts it where an environment is at hand, and nothing would be downloaded.
#'
#' @returns A list of class `kerasbridge_sitrep` with the parts `r`, `python`, `packages` (a data
#'   frame: package, installed and supported version), `backend`, `devices`, `settings`
#'   (environment variables and files that matter) and `problems` (a data frame: what, remedy).
#' @seealso [use_backend()], [install_keras()]
#' @examples
#' sitrep <- kerasbridge_sitrep(start = FALSE)
#' sitrep$r$version
#' @export
kerasbridge_sitrep <- function(start = NA) {
  if (!is.logical(start) || length(start) != 1L) {
    abort_argument("{.arg start} must be TRUE, FALSE or NA.", current_env())
  }
  if (isTRUE(start) || is.na(start) && has_environment()) {
    failed <- tryCatch({
      reticulate::py_config()
      NULL
    }, error = identity)
  } else {
    failed <- NULL
  }
  found <- list(
    r = sitrep_r(),
    python = sitrep_python(),
    packages = sitrep_packages(),
    backend = sitrep_backend(),
    devices = sitrep_devices(),
    settings = sitrep_settings()
  )
  found$problems <- sitrep_problems(found, failed)
  structure(found, class = "kerasbridge_sitrep")
}

# Python, or this package's part of it, does not start: what is wrong, and the lines that mend it.
abort_installation <- function(cause) {
  if (isTRUE(the$reporting) || inherits(cause, "kerasbridge_installation_error")) {
    stop(cause)
  }
  the$reporting <- TRUE
  on.exit(the$reporting <- FALSE)
  problems <- kerasbridge_sitrep(start = python_started())$problems
  if (!python_started()) {
    problems <- rbind(not_started(cause), problems)
  }
  if (!nrow(problems)) {
    problems <- data.frame(what = first_line(conditionMessage(cause)), remedy = "install_keras()")
  }
  remedies <- unique(problems$remedy)
  told <- c(
    set_names(problems$what, rep("x", nrow(problems))),
    set_names(remedies, rep("i", length(remedies)))
  )
  cli_abort(
    c(
      "Keras cannot be used.",
      gsub("([{}])", "\\1\\1", told),
      i = "{.code kerasbridge_sitrep()} tells all that was found."
    ),
    class = c("kerasbridge_installation_error", "kerasbridge_error"), call = NULL
  )
}

# Is there a Python that starts without anything being downloaded?
has_environment <- function() {
  python_started() || nzchar(Sys.getenv("RETICULATE_PYTHON")) ||
    nzchar(Sys.getenv("RETICULATE_PYTHON_ENV")) || nzchar(Sys.getenv("VIRTUAL_ENV"))
}

sitrep_r <- function() {
  list(
    version = as.character(getRversion()),
    platform = R.version$platform,
    kerasbridge = as.character(utils::packageVersion("kerasbridge")),
    reticulate = as.character(utils::packageVersion("reticulate")),
    blas = tryCatch(basename(extSoftVersion()[["BLAS"]]), error = \(e) NA_character_)
  )
}

sitrep_python <- function() {
  if (!python_started()) {
    return(list(started = FALSE, path = NA_character_, version = NA_character_))
  }
  config <- reticulate::py_config()
  list(
    started = TRUE,
    path = config$python,
    version = as.character(config$version),
    chosen_by = config$forced %||% "reticulate's own search"
  )
}

sitrep_packages <- function() {
  names <- c("keras", "tensorflow", "tensorflow-cpu", "jax", "torch", "numpy")
  installed <- if (python_started()) {
    vapply(names, \(name) call_py(bound$version_of, name) %||% NA_character_, "")
  } else {
    rep(NA_character_, length(names))
  }
  supported <- vapply(names, supported_version, "")
  data.frame(package = names, installed = unname(installed), supported = unname(supported))
}

supported_version <- function(name) {
  required <- grep(paste0("^", name, "([><=]|$)"), backend_table()$requirements, value = TRUE)
  sub(paste0("^", name), "", c(required, "")[[1L]])
}

sitrep_backend <- function() {
  list(chosen = the$choice$backend, gpu = the$choice$gpu, loaded = loaded_backend())
}

# Asking for devices starts them: only where Keras runs already.
sitrep_devices <- function() {
  backend <- loaded_backend()
  if (is.null(backend)) {
    return(character())
  }
  tryCatch(
    switch(backend,
      torch = c("cpu", sprintf("cuda:%d", seq_len(import("torch")$cuda$device_count()) - 1L)),
      numpy = "cpu",
      unlist(distribution_list_devices())
    ),
    error = \(e) character()
  )
}

sitrep_settings <- function() {
  names <- c(
    "KERAS_BACKEND", "KERAS_HOME", "RETICULATE_PYTHON", "RETICULATE_PYTHON_ENV", "VIRTUAL_ENV",
    "CONDA_PREFIX", "UV_OFFLINE", "CUDA_VISIBLE_DEVICES", "JAX_PLATFORMS", "XLA_FLAGS",
    "LD_LIBRARY_PATH"
  )
  values <- Sys.getenv(names, NA_character_)
  values <- values[!is.na(values)]
  file <- file.path(Sys.getenv("KERAS_HOME", path.expand("~/.keras")), "keras.json")
  if (file.exists(file)) {
    values[["keras.json"]] <- paste(trimws(readLines(file, warn = FALSE)), collapse = " ")
  }
  values
}

sitrep_problems <- function(found, failed) {
  problems <- list()
  say <- function(what, remedy) {
    problems[[length(problems) + 1L]] <<- data.frame(what = what, remedy = remedy)
  }
  if (!is.null(failed) && !found$python$started) {
    reason <- not_started(failed)
    say(reason$what, reason$remedy)
  }
  if (without_conda()) {
    say(
      paste(Sys.getenv("RETICULATE_PYTHON"), "is conda's, and conda is not found."),
      paste(
        "Sys.setenv(RETICULATE_CONDA = \"path/to/conda\") in a new session;",
        "without conda: Sys.unsetenv(\"RETICULATE_PYTHON\"), install_keras()"
      )
    )
  }
  python <- found$python
  if (python$started && numeric_version(python$version) < minimum_python()) {
    say(
      sprintf("Python %s is too old: %s is needed.", python$version, backend_table()$python),
      "reticulate::py_require(python_version = \">=3.11\") in a new session"
    )
  }
  installed <- set_names(found$packages$installed, found$packages$package)
  backend <- found$backend$chosen
  if (python$started) {
    remedy <- paste0(
      "install_keras(backend = \"", backend, "\"), then reticulate::use_virtualenv(\"r-keras\") ",
      "in a new session"
    )
    if (is.na(installed[["keras"]])) {
      say(sprintf("This Python has no Keras (%s).", python$path), remedy)
    } else if (numeric_version(installed[["keras"]]) < oldest_keras()) {
      say(
        sprintf("Keras %s is too old: %s is needed.", installed[["keras"]], oldest_keras()), remedy
      )
    }
    own <- if (backend == "tensorflow") c("tensorflow", "tensorflow-cpu") else backend
    if (all(is.na(installed[own]))) {
      say(sprintf("This Python lacks %s, the chosen backend.", own[[1L]]), remedy)
    }
  }
  loaded <- found$backend$loaded
  if (!is.null(loaded) && loaded != backend) {
    say(
      sprintf("Keras runs on %s already, and %s was chosen.", loaded, backend),
      sprintf("Restart R, and call use_backend(\"%s\") first", backend)
    )
  }
  if (without_driver(found$backend)) {
    say(
      "A GPU was asked for, and there is no NVIDIA driver: nvidia-smi is not found.",
      sprintf("install the driver, or use_backend(\"%s\", gpu = FALSE) in a new session", backend)
    )
  }
  if (has_nvidia_gpu() && length(found$devices) && !any(grepl("gpu|cuda", found$devices))) {
    say(
      "There is an NVIDIA GPU, and the backend does not see it.",
      sprintf("use_backend(\"%s\", gpu = TRUE) in a new session; check `nvidia-smi`", backend)
    )
  }
  if (length(problems)) {
    do.call(rbind, problems)
  } else {
    data.frame(what = character(), remedy = character())
  }
}

not_started <- function(cause) {
  remedy <- if (nzchar(Sys.getenv("RETICULATE_PYTHON"))) {
    "Sys.unsetenv(\"RETICULATE_PYTHON\") in a new session, or install_keras()"
  } else if (unsuited_uv()) {
    "uv 0.6.3 works with this reticulate, newer ones with reticulate 1.47: update.packages()"
  } else {
    "with a network, reticulate makes an environment itself; with Python alone, install_keras()"
  }
  data.frame(
    what = paste("Python does not start:", first_line(conditionMessage(cause))), remedy = remedy
  )
}

# Is the Python that was chosen one of conda's, which reticulate starts with conda alone?
without_conda <- function() {
  python <- Sys.getenv("RETICULATE_PYTHON")
  folders <- c(dirname(python), dirname(dirname(python))) # Windows, and elsewhere
  nzchar(python) && any(dir.exists(file.path(folders, "conda-meta"))) &&
    is.null(tryCatch(reticulate::conda_binary(), error = \(e) NULL))
}

# Is there a uv whose environments are gone before this reticulate looks at them?
unsuited_uv <- function() {
  uv <- Sys.getenv("RETICULATE_UV", Sys.which("uv"))
  if (!nzchar(uv) || utils::packageVersion("reticulate") >= "1.47") {
    return(FALSE)
  }
  said <- tryCatch(suppressWarnings(system2(uv, "--version", TRUE, FALSE)), error = \(e) "")
  version <- regmatches(said, regexpr("[0-9]+([.][0-9]+)+", said))
  length(version) == 1L && numeric_version(version) >= "0.8"
}

first_line <- function(text) strsplit(text, "\n", fixed = TRUE)[[1L]][[1L]]

minimum_python <- function() numeric_version(sub("^>=", "", backend_table()$python))

oldest_keras <- function() numeric_version(sub("^>=", "", supported_version("keras")))

#' @export
print.kerasbridge_sitrep <- function(x, ...) {
  line <- function(name, value) cat(formatC(name, width = -16), value, "\n", sep = "")
  cat("-- R\n")
  line("R", paste(x$r$version, x$r$platform))
  line("kerasbridge", x$r$kerasbridge)
  line("reticulate", x$r$reticulate)
  line("BLAS", x$r$blas)
  cat("-- Python\n")
  if (x$python$started) {
    line("Python", x$python$version)
    line("from", x$python$path)
    line("chosen by", x$python$chosen_by)
    shown <- x$packages[!is.na(x$packages$installed), ]
    for (i in seq_len(nrow(shown))) {
      needed <- if (nzchar(shown$supported[[i]])) paste0(" (", shown$supported[[i]], ")")
      line(shown$package[[i]], paste0(shown$installed[[i]], needed))
    }
  } else {
    line("Python", "not started")
  }
  cat("-- Backend\n")
  line("chosen", x$backend$chosen)
  line("loaded", x$backend$loaded %||% "not yet")
  line("devices", if (length(x$devices)) paste(x$devices, collapse = ", ") else "not asked yet")
  if (length(x$settings)) {
    cat("-- Settings\n")
    for (name in names(x$settings)) cat(name, "=", x$settings[[name]], "\n")
  }
  cat("-- Problems\n")
  if (!nrow(x$problems)) cat("none found\n")
  for (i in seq_len(nrow(x$problems))) {
    cat("x ", x$problems$what[[i]], "\n", "  > ", x$problems$remedy[[i]], "\n", sep = "")
  }
  invisible(x)
}
