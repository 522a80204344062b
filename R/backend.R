#' Choose the backend of Keras
#'
#' Keras computes with TensorFlow, JAX, PyTorch, or (for predictions only) NumPy. `use_backend()`
#' sets which, and declares the Python packages that it needs with [py_require()]. Call it after
#' `library(kerasbridge)` and before anything else: a session has one backend.
#'
#' Without a call, the backend is the first of: the environment variable `KERAS_BACKEND` (which
#' may end in `-cpu` or `-gpu`), the entry `"backend"` of the file `keras.json` in `KERAS_HOME` or
#' `~/.keras`, and TensorFlow.
#'
#' @param backend `"tensorflow"`, `"jax"`, `"torch"` or `"numpy"`.
#' @param gpu `TRUE` declares the packages for a GPU, `FALSE` those for the CPU and hides the GPU
#'   from the backend. `NA`, the default, looks for an NVIDIA GPU. Without its driver, `TRUE` is
#'   a warning of class `kerasbridge_no_gpu`: the backend then computes on the CPU.
#'
#' @returns The name of the backend, invisibly.
#' @source `keras.config.set_backend`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/config/set_backend>
#' @concept keras.config.set_backend
#' @examples
#' # At the start of a session, before Python is needed:
#' if (!reticulate::py_available()) use_backend("jax")
#' @export
use_backend <- function(backend, gpu = NA) {
  backend <- check_backend(backend)
  if (!is.logical(gpu) || length(gpu) != 1L) {
    abort_argument("{.arg gpu} must be TRUE, FALSE or NA.", current_env())
  }
  loaded <- loaded_backend()
  if (is.null(loaded)) {
    choose_backend(list(backend = backend, gpu = gpu, by = "use_backend()"))
    if (without_driver(the$choice)) {
      cli::cli_warn(c(
        "{.code gpu = TRUE} asks for a GPU, and this machine has no NVIDIA driver:
         {.code nvidia-smi} is not found.",
        i = "Until one is installed, the backend computes on the CPU;
             {.code use_backend(\"{backend}\", gpu = FALSE)} asks for no more."
      ), class = "kerasbridge_no_gpu")
    }
  } else if (loaded != backend) {
    cli_abort(
      c(
        "Keras is already running on {.val {loaded}}: a session has one backend.",
        i = "Restart R, and call {.code use_backend(\"{backend}\")} before anything else."
      ),
      class = "kerasbridge_error"
    )
  }
  invisible(backend)
}

check_backend <- function(backend, call = caller_env()) {
  known <- names(backend_table()$backends)
  if (identical(backend, "pytorch")) {
    abort_argument("PyTorch's Python package is called torch: use \"torch\".", call)
  }
  if (!is.character(backend) || length(backend) != 1L || !backend %in% known) {
    near <- if (is_string(backend)) known[utils::adist(backend, known) <= 3L]
    abort_argument(
      c(
        "{.arg backend} must be one of {.or {.val {known}}}, not {.obj_type_friendly {backend}}.",
        i = if (length(near)) "Did you mean {.val {near[[1L]]}}?"
      ),
      call
    )
  }
  backend
}

# backends.json: requirements and environment of each backend.
backend_table <- function() {
  if (is.null(the$backends)) {
    the$backends <- jsonlite::read_json(
      file.path(shim_path(), "kerasbridge", "backends.json"),
      simplifyVector = TRUE
    )
  }
  the$backends
}

# The backend that Keras was loaded with; NULL when it is not loaded.
loaded_backend <- function() {
  if (python_started()) call_py(bound$backend_loaded)
}

choose_backend <- function(choice) {
  the$choice <- choice
  set_environment(c(KERAS_BACKEND = choice$backend, backend_environment(choice)))
  if (isNamespaceLoaded("reticulate")) declare_requirements()
}

# Declare what the chosen backend needs, in place of what was declared before.
declare_requirements <- function() {
  if (py_available()) {
    return(invisible())
  }
  requirements <- backend_requirements(the$choice$backend, the$choice$gpu)
  if (length(the$declared)) py_require(the$declared, action = "remove")
  py_require(requirements, backend_table()$python)
  the$declared <- requirements
  prefer_installed(the$choice$backend)
}

backend_requirements <- function(backend, gpu, platform = platform_name()) {
  table <- backend_table()
  build <- if (isTRUE(gpu) || (is.na(gpu) && has_nvidia_gpu())) "gpu" else "cpu"
  platforms <- table$backends[[backend]]$requirements[[build]]
  c(table$requirements, platforms[[platform]] %||% platforms$any)
}

has_nvidia_gpu <- function() nzchar(Sys.which("nvidia-smi"))

# Was a GPU asked for that cannot be there?
without_driver <- function(choice, platform = platform_name()) {
  isTRUE(choice$gpu) && !has_nvidia_gpu() && !has_own_gpu(platform)
}

# What keeps a GPU out of sight, when that was asked for.
backend_environment <- function(choice) {
  hide <- if (isFALSE(choice$gpu)) "cpu" else "gpu"
  unlist(backend_table()$backends[[choice$backend]]$environment[[hide]])
}

# Python copies the environment when it starts: later changes are made on both sides.
set_environment <- function(variables) {
  restore <- setdiff(names(the$environment), names(variables))
  Sys.unsetenv(restore)
  do.call(Sys.setenv, as.list(variables))
  the$environment <- variables
  if (python_started()) {
    import("os", convert = FALSE)$environ$update(as.list(variables))
  }
}

# Before Keras is imported: what was declared holds, whoever imports it.
before_keras <- function() {
  Sys.setenv(KERAS_BACKEND = the$choice$backend)
}

default_backend <- function() {
  from_environment(Sys.getenv("KERAS_BACKEND")) %||%
    from_config_file() %||%
    list(backend = "tensorflow", gpu = NA, by = "the default")
}

from_environment <- function(value) {
  if (!nzchar(value)) {
    return(NULL)
  }
  gpu <- if (endsWith(value, "-gpu")) TRUE else if (endsWith(value, "-cpu")) FALSE else NA
  backend <- sub("-[cg]pu$", "", value)
  list(backend = known_or_warn(backend, "KERAS_BACKEND"), gpu = gpu, by = "KERAS_BACKEND")
}

from_config_file <- function() {
  home <- Sys.getenv("KERAS_HOME", path.expand("~/.keras"))
  file <- file.path(home, "keras.json")
  if (!file.exists(file)) {
    return(NULL)
  }
  config <- tryCatch(jsonlite::read_json(file), error = \(e) list())
  if (is.character(config$backend)) {
    list(backend = known_or_warn(config$backend, file), gpu = NA, by = file)
  }
}

# Loading the package never fails for a wrong setting; it says so and goes on.
known_or_warn <- function(backend, where) {
  known <- names(backend_table()$backends)
  if (backend %in% known) {
    return(backend)
  }
  hint <- if (backend == "pytorch") " Use \"torch\"."
  packageStartupMessage(sprintf(
    "%s names the backend \"%s\", which is none of %s.%s Using \"tensorflow\".",
    where, backend, paste0("\"", known, "\"", collapse = ", "), hint %||% ""
  ))
  "tensorflow"
}

#' Seed every generator of random numbers
#'
#' Seeds R, Python, NumPy and the backend, so that two runs of a script give the same numbers.
#'
#' @param seed A whole number from 0 to 2147483647.
#' @returns `NULL`, invisibly.
#' @source `keras.utils.set_random_seed`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/utils/set_random_seed>
#' @concept keras.utils.set_random_seed
#' @examplesIf can_run_keras()
#' set_random_seed(1)
#' a <- random_normal(c(2, 2))
#' set_random_seed(1)
#' b <- random_normal(c(2, 2))
#' all.equal(a, b)
#' @export
set_random_seed <- function(seed) {
  whole <- is.numeric(seed) && length(seed) == 1L && !is.na(seed) && seed == round(seed)
  if (!whole || seed < 0 || seed > .Machine$integer.max) {
    abort_argument("{.arg seed} must be a whole number from 0 to 2147483647.", current_env())
  }
  seed <- as.integer(seed)
  set.seed(seed)
  call_py(bound$seed_all, seed)
  invisible()
}

#' Compile an R function with TensorFlow
#'
#' `tf_function()` turns an R function that computes with TensorFlow into a compiled one. The R
#' code runs when the function is traced: at the first call, and again for arguments of other
#' shapes or dtypes. Every other call runs the compiled program alone.
#'
#' @param f An R function of tensors.
#' @param jit_compile `TRUE` compiles with XLA; `FALSE` does not; `NULL` leaves it to TensorFlow.
#' @param input_signature A list of `tf$TensorSpec()`s, one for each argument, which fixes the
#'   shapes and dtypes and so the number of traces.
#' @param reduce_retracing `TRUE` traces with unknown sizes after the second trace.
#' @param ... Further arguments of `tf$function`, by name.
#'
#' @returns A function of the same arguments.
#' @examplesIf can_run_keras() && config_backend() == "tensorflow"
#' double <- tf_function(\(x) 2 * x)
#' double(tf$constant(21))
#' @export
tf_function <- function(f, jit_compile = NULL, input_signature = NULL, reduce_retracing = NULL,
                        ...) {
  if (!is.function(f)) {
    abort_argument("{.arg f} must be a function, not {.obj_type_friendly {f}}.", current_env())
  }
  call_py(
    bound$tf_function, arg_callable(f),
    dict_of(
      jit_compile = jit_compile,
      input_signature = input_signature,
      reduce_retracing = reduce_retracing,
      ...
    )
  )
}

# Always a dictionary in Python, also when it is empty.
dict_of <- function(...) {
  values <- list2(...) # a comma may trail
  if (length(values)) values else dict()
}
