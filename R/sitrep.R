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
#'   frame: package, installed and supported version), `backend` (`chosen`, and `by`
#'   what), `devices`, `settings` (environment variables and files that matter) and `problems` (a
#'   data frame: what, remedy).
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
    failed <- the$not_started
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
  if (!python_started()) the$not_started <- cause
  problems <- kerasbridge_sitrep(start = python_started())$problems
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
    nzchar(Sys.getenv("RETICULATE_PYTHON_ENV")) || nzchar(Sys.getenv("VIRTUAL_ENV")) ||
    nzchar(Sys.getenv("RETICULATE_PYTHON_FALLBACK"))
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

# What is asked of a package's version, by what is declared for all backends or for one.
supported_version <- function(name) {
  table <- backend_table()
  declared <- unlist(c(table$requirements, lapply(table$backends, `[[`, "requirements")))
  required <- grep(paste0("^", name, "([><=]|$)"), declared, value = TRUE)
  sub(paste0("^", name), "", c(required, "")[[1L]])
}

sitrep_backend <- function() {
  choice <- the$choice
  list(chosen = choice$backend, by = choice$by, gpu = choice$gpu, loaded = loaded_backend())
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
  if (python$started && release_of(python$version) < minimum_python()) {
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
    } else if (release_of(installed[["keras"]]) < oldest_keras()) {
      say(
        sprintf("Keras %s is too old: %s is needed.", installed[["keras"]], oldest_keras()), remedy
      )
    }
    own <- if (backend == "tensorflow") c("tensorflow", "tensorflow-cpu") else backend
    if (all(is.na(installed[own]))) {
      say(sprintf("This Python lacks %s, the chosen backend.", own[[1L]]), remedy)
    }
    for (name in own[!is.na(installed[own])]) {
      oldest <- sub("^>=", "", supported_version(name))
      if (nzchar(oldest) && release_of(installed[[name]]) < oldest) {
        say(sprintf("%s %s is too old: %s is needed.", name, installed[[name]], oldest), remedy)
      }
    }
  }
  loaded <- found$backend$loaded
  if (!is.null(loaded) && loaded != backend) {
    say(
      sprintf("Keras runs on %s already, and %s was chosen.", loaded, backend),
      sprintf("Restart R, and call use_backend(\"%s\") first", backend)
    )
  }
  processor <- processor_problem(backend)
  if (!is.null(processor)) say(processor$what, processor$remedy)
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

not_started <- function(cause, reticulate = utils::packageVersion("reticulate")) {
  remedy <- if (nzchar(Sys.getenv("RETICULATE_PYTHON"))) {
    "Sys.unsetenv(\"RETICULATE_PYTHON\") in a new session, or install_keras()"
  } else if (unsuited_uv(reticulate)) {
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

processor_problem <- function(backend, cpuinfo = "/proc/cpuinfo") {
  if (backend %in% c("tensorflow", "jax") && lacks_avx(cpuinfo)) {
    list(
      what = sprintf("This processor has no AVX instructions, for which %s is built.", backend),
      remedy = "use_backend(\"torch\") in a new session"
    )
  }
}

# Does Linux say of an x86 processor that it has no AVX? TensorFlow would end R without a word.
lacks_avx <- function(cpuinfo) {
  told <- if (file.exists(cpuinfo)) readLines(cpuinfo, warn = FALSE)
  flags <- grep("^flags[[:space:]]*:", told, value = TRUE)
  length(flags) > 0L && !grepl(" avx( |$)", flags[[1L]])
}

# Numbers alone, which is what can be compared: of "2.13.0+cpu" 2.13.0, of "2.21.0rc1" 2.21.0.
release_of <- function(version) {
  numeric_version(regmatches(version, regexpr("^[0-9]+([.][0-9]+)*", version)))
}

# Is there a uv whose environments are gone before this reticulate looks at them?
unsuited_uv <- function(reticulate) {
  uv <- Sys.getenv("RETICULATE_UV", Sys.which("uv"))
  if (!nzchar(uv) || reticulate >= "1.47") {
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
  part <- function(title) cli::cat_line(cli::rule(left = title, width = 40L))
  line <- function(name, value) cli::cat_line(formatC(name, width = -16), value)
  part("R")
  line("R", paste(x$r$version, x$r$platform))
  line("kerasbridge", x$r$kerasbridge)
  line("reticulate", x$r$reticulate)
  line("BLAS", x$r$blas)
  part("Python")
  if (x$python$started) {
    line("Python", x$python$version)
    line("from", x$python$path)
    line("chosen by", x$python$chosen_by)
    shown <- x$packages[!is.na(x$packages$installed), ]
    needed <- ifelse(nzchar(shown$supported), paste0(" (", shown$supported, ")"), "")
    line(shown$package, paste0(shown$installed, needed))
  } else {
    line("Python", "not started")
  }
  part("Backend")
  line("chosen", paste0(x$backend$chosen, ", by ", x$backend$by))
  line("loaded", x$backend$loaded %||% "not yet")
  line("devices", if (length(x$devices)) paste(x$devices, collapse = ", ") else "not asked yet")
  if (length(x$settings)) {
    part("Settings")
    cli::cat_line(paste(names(x$settings), "=", x$settings))
  }
  part("Problems")
  if (nrow(x$problems)) {
    cli::cat_line(paste0(
      cli::col_red(cli::symbol$cross), " ", x$problems$what, "\n",
      "  ", cli::symbol$arrow_right, " ", x$problems$remedy
    ))
  } else {
    cli::cat_line("none found")
  }
  invisible(x)
}
