# One call, from R to Python and back. Wrappers do nothing else.

# Python callables by wrapper name, each bound when it is first used.
bound <- new.env(parent = emptyenv())

# What the shim offers besides the generated wrappers: name in `bound` -> place in the shim.
shim_functions <- c(
  application_decode = "models.applications.decode",
  application_preprocess = "models.applications.preprocess",
  as_code = "tensors.arrays.codes",
  as_integer64 = "tensors.arrays.integer64",
  as_raw = "tensors.arrays.raw",
  as_sparse = "tensors.arrays.sparse",
  as_shaped = "tensors.arrays.shaped",
  backend_loaded = "backends.loaded",
  batches_converted = "sources.batches.converted",
  batches_not_finite = "sources.batches.not_finite",
  callable_named = "crossing.callables.named",
  class_assign = "models.classes.assign",
  class_build = "models.classes.build",
  class_composed = "models.classes.composed",
  class_definition = "models.classes.definition",
  class_new = "models.classes.new",
  class_own_definition = "models.classes.own_definition",
  class_private = "models.classes.private",
  class_super = "models.classes.super_of",
  class_untracked = "models.classes.untracked",
  condition_crossed = "errors.crossed",
  config_make = "models.configs.make",
  config_of = "models.configs.of",
  config_register = "models.configs.register",
  config_serializable = "models.configs.serializable",
  dataset_array_iterator = "sources.pipelines.array_iterator",
  dataset_columns = "sources.elements.side_by_side",
  dataset_described = "sources.pipelines.described_dataset",
  dataset_engine = "sources.pipelines.engine_of",
  dataset_fetches = "sources.files.of_fetches",
  dataset_files = "sources.files.dataset",
  dataset_hdf5 = "sources.files.hdf5_of_r",
  dataset_iterator = "sources.pipelines.iterator",
  dataset_next = "sources.pipelines.next_of",
  dataset_run_in_r = "sources.pipelines.run_in_r",
  dataset_size = "sources.pipelines.cardinality",
  dataset_source = "sources.pipelines.source",
  dataset_stream = "sources.files.stream_at",
  dataset_verb = "sources.pipelines.verb",
  dataset_verb_of_several = "sources.pipelines.verb_of_several",
  initializer_call = "models.compose.call_initializer",
  interrupt_met = "crossing.interrupts.met_in_r",
  interrupts_hold = "crossing.interrupts.hold",
  interrupts_release = "crossing.interrupts.release",
  keras_object = "wrappers.bindings.keras_object",
  layer_adapt = "models.preprocessing.adapt",
  layer_call = "models.compose.call_layer",
  layer_feature = "models.preprocessing.feature",
  layer_set_vocabulary = "models.preprocessing.set_vocabulary",
  layer_vocabulary = "models.preprocessing.vocabulary",
  layouts_of_path = "distribution.layouts.of_path",
  layouts_rule = "distribution.layouts.rule",
  layouts_shown = "distribution.layouts.shown",
  leaving = "crossing.leaving.Leaving",
  leaving_of = "crossing.leaving.leaving_of",
  model_compile = "models.training.compile",
  model_describe = "models.description.describe",
  model_evaluate = "models.training.evaluate",
  model_fit = "models.training.fit",
  model_new = "models.training.new_model",
  model_on_batch = "models.training.on_batch",
  model_predict = "models.training.predict",
  memory_relieve = "memory.watch.relieve",
  memory_state = "memory.watch.state",
  object_line = "models.description.line",
  saving_export = "models.saving.export",
  saving_from_json = "models.saving.from_json",
  saving_load_model = "models.saving.load_model",
  saving_load_weights = "models.saving.load_weights",
  saving_save_model = "models.saving.save_model",
  saving_save_weights = "models.saving.save_weights",
  saving_source = "models.saving.source",
  saving_to_json = "models.saving.to_json",
  saving_write_text = "models.saving.write_text",
  saving_written_in_r = "models.saving.written_in_r",
  seed_all = "models.seeds.seed_all",
  source_function = "sources.feeds.from_function",
  source_spec = "sources.feeds.spec_of",
  sequential_new = "models.training.new_sequential",
  shape_sizes = "tensors.shapes.sizes_of",
  size_classes = "tensors.frameworks.size_classes",
  subset_get = "tensors.indexing.get",
  subset_selector = "tensors.indexing.selector",
  subset_set = "tensors.indexing.set",
  terms_from_logits = "models.terms.from_logits",
  terms_inputs = "models.terms.inputs",
  terms_keep = "models.terms.keep",
  terms_of = "models.terms.of",
  tensor_operator = "tensors.operators.operator",
  tensor_classes = "tensors.frameworks.tensor_classes",
  tensor_dim = "tensors.operators.dim",
  tensor_shown = "tensors.frameworks.shown",
  tensor_to_r = "tensors.arrays.to_r",
  thread_timeout = "crossing.threads.set_timeout",
  tf_function = "crossing.tracing.tf_function",
  version_of = "backends.version_of",
  whole_number = "tensors.arrays.whole_number",
  worker_array = "sources.workers.mapped",
  wrapper_help = "wrappers.bindings.documentation",
  weights_count = "models.weights.count",
  weights_get = "models.weights.get",
  weights_layer = "models.weights.layer",
  weights_pop = "models.weights.pop",
  weights_put = "models.weights.put",
  weights_quantize = "models.weights.quantize",
  weights_reset = "models.weights.reset",
  weights_set_state_tree = "models.weights.set_state_tree",
  weights_set_trainable = "models.weights.set_trainable",
  weights_state_tree = "models.weights.state_tree"
)

# Call a Python callable of the shim with R arguments. A tensor stays a tensor, plain values
# become R's, and a Python error becomes an R condition whose call is that of the caller.
call_py <- function(.f, ...) {
  result <- .External2(call_kept, .f)
  finished(result, sys.parent())
}

# The same for a helper of the function that the user called.
call_py_for <- function(.frame, .f, ...) {
  result <- .External2(call_kept, .f)
  finished(result, .frame)
}

# The same, but the result stays in Python, whatever it is.
call_py_raw <- function(.f, ...) {
  result <- .External2(call_kept, .f)
  if (inherits(result, failure_class)) raise_failure(result, sys.call(sys.parent()))
  result
}

finished <- function(result, frame) {
  finish <- finishers[[oldClass(result)[[1L]]]]
  if (is.null(finish)) result else finish(result, frame)
}

# What src/call.c needs to know of reticulate and of this package.
prepare_calls <- function(address = routine_of_py_call()) {
  .Call(
    call_prepare, address, reticulate::py_call, finishers,
    # The function that has called C is the one below.
    \(x) finished(x, sys.nframe() - 1L),
    set_thread_timeout
  )
}

# What py_call() calls, where it takes the function and its unnamed and named arguments.
routine_of_py_call <- function() {
  routine <- getDLLRegisteredRoutines("reticulate")$.Call[["_reticulate_py_call_impl"]]
  if (identical(routine$numParameters, 3L)) {
    getNativeSymbolInfo(routine$name, "reticulate")$address
  }
}

# A function's body as it is run: where its value is a call of call_py(), C is called at once, and
# tensors pass the doors of arguments unasked. C takes `...` from the frame: a comma may trail.
in_one_call <- function(body) {
  if (is_call(body, "{", 1L)) body <- body[[2L]]
  if (!is_call(body, "call_py")) {
    return(body)
  }
  arguments <- lapply(as.list(body)[-1L], \(argument) {
    if (!is_call(argument, "arg_data") || !is.symbol(argument[[2L]])) {
      return(argument)
    }
    bquote(if (typeof(.(argument[[2L]])) == "environment") .(argument[[2L]]) else .(argument))
  })
  if (identical(arguments[length(arguments)], list(quote(...)))) {
    return(as.call(c(quote(.External2), quote(call_with_dots), arguments[-length(arguments)])))
  }
  as.call(c(quote(.External), quote(call_python), arguments))
}

failure_class <- "kerasbridge.errors.Failure"

# What results of these Python classes become in R. All others stay what they are.
finishers <- new.env(parent = emptyenv())

fill_finishers <- function() {
  plain <- c("NoneType", "bool", "float", "complex", "str", "bytes", "list", "tuple", "dict")
  for (class in paste0("python.builtin.", plain)) finishers[[class]] <- \(x, frame) py_to_r(x)
  finishers[["python.builtin.int"]] <- finish_integer
  finishers[["python.builtin.list"]] <- \(x, frame) filled(py_to_r(x), sys.call(frame))
  finishers[["python.builtin.dict"]] <- finishers[["python.builtin.list"]]
  finishers[[pending_class]] <- \(x, frame) fill_pending(x, sys.call(frame))
  finishers[[filled_class]] <- \(x, frame) filled_array(x)
  finishers[[failure_class]] <- \(x, frame) raise_failure(x, sys.call(frame))
}

pending_class <- "kerasbridge.tensors.arrays.Pending"
filled_class <- "kerasbridge.tensors.arrays.Filled"

# An integer that R has not is a double or an integer64: reticulate takes its low bits.
finish_integer <- function(x, frame) {
  number <- py_call(bound$whole_number, x)
  class <- oldClass(number)[[1L]]
  if (class == "python.builtin.int") py_to_r(number) else finishers[[class]](number, frame)
}

# A large result, or 64-bit integers: R allocates, the shim writes into it.
fill_pending <- function(pending, call) {
  type <- pending$type
  dim <- unlist(pending$dim)
  if (type == "integer64") check_integer64(call)
  result <- vector(if (type == "integer64") "double" else type, prod(dim))
  dim(result) <- dim %||% 1L
  py_call(py_get_attr(pending, "fill"), result)
  if (is.null(dim)) dim(result) <- NULL # Python holds it: an assignment copies
  if (type == "integer64") oldClass(result) <- type
  result
}

# An array that Python fills before R gets it: Python has both parts, and gives the room back.
new_array <- function(dim) {
  room <- new.env(parent = emptyenv())
  room$array <- array(0, unlist(dim))
  list(room = room, array = room$array)
}

filled_array <- function(filled) py_to_r(py_get_attr(filled, "room"))$array

check_integer64 <- function(call) {
  if (!isNamespaceLoaded("bit64")) {
    abort_argument(c(
      "There are integers beyond 2^53, which R's numbers cannot hold exactly.",
      i = "After {.code library(bit64)} they are {.cls integer64}; {.code op_cast()} to a floating
           dtype accepts rounding."
    ), call)
  }
}

filled <- function(x, call) {
  if (inherits(x, pending_class)) {
    fill_pending(x, call)
  } else if (inherits(x, filled_class)) {
    filled_array(x)
  } else if (is.list(x) && !is.object(x)) {
    lapply(x, filled, call)
  } else {
    x
  }
}

fill_bound <- function(wrappers) {
  bind_later <- function(name, maker) {
    delayedAssign(name, maker(name), assign.env = bound)
  }
  for (name in wrappers) bind_later(name, bind_wrapper)
  for (name in names(shim_functions)) bind_later(name, shim_function)
}

bind_wrapper <- function(name) call_py(guard(shim_attr("wrappers.bindings.bind_guarded")), name)

shim_function <- function(name) guard(shim_attr(shim_functions[[name]]))

# A Python function that hands its exceptions back as values.
guard <- function(f) py_call(shim_attr("errors.guarded"), f)

shim_attr <- function(place) {
  py_get_attr(shim(sub("[.][^.]*$", "", place)), sub(".*[.]", "", place))
}

# A module of the Python package inside this one: `wing.module`.
shim <- function(module) {
  tryCatch(
    import_from_path(paste0("kerasbridge.", module), path = shim_path(), convert = TRUE),
    error = \(cause) abort_installation(cause)
  )
}

shim_path <- function() system.file("python", package = "kerasbridge", mustWork = TRUE)

# A generated function: knows its name, so that it can be handed to Keras as Keras's own object.
wrapper <- function(name, f) {
  body(f) <- in_one_call(body(f))
  # Not so where a call is all that it costs.
  if (!grepl("^(op|random|activation)_", name)) {
    body(f) <- call("{", quote(refuse_partial_names()), body(f))
  }
  structure(f, class = c("kerasbridge_wrapper", "function"), wrapper = name)
}

# R takes `kernel = 3` for `kernel_size = 3`. Under another name an argument is not meant.
refuse_partial_names <- function() {
  given <- names(sys.call(-1L))
  if (is.null(given)) {
    return()
  }
  known <- names(formals(sys.function(-1L)))
  for (name in given[nzchar(given) & !given %in% known]) {
    full <- known[startsWith(known, name)]
    if (length(full)) {
      call <- sys.call(-1L)
      abort_argument("There is no argument {.arg {name}}. Did you mean {.arg {full[[1L]]}}?", call)
    }
  }
}

#' @exportS3Method reticulate::r_to_py
r_to_py.kerasbridge_wrapper <- function(x, convert = FALSE) {
  py_call(bound$keras_object, attr(x, "wrapper"))
}

#' @export
print.kerasbridge_wrapper <- function(x, ...) {
  name <- attr(x, "wrapper")
  cat(shown_signature(x), sep = "\n")
  cat("# calls ", wrapped_object(name), " through kerasbridge\n", sep = "")
  invisible(x)
}

# The signature as it is written, over as many lines as it takes.
shown_signature <- function(f) {
  lines <- format(args(unclass(f)))
  trimws(lines[-length(lines)], "right")
}

wrapped_object <- function(name) {
  wrapper_table()[[name]]$python
}

wrapper_table <- function() {
  if (is.null(the$signatures)) {
    the$signatures <- jsonlite::read_json(file.path(shim_path(), "kerasbridge", "signatures.json"))
  }
  the$signatures
}

# State of the session.
the <- new.env(parent = emptyenv())
