# Python objects that came from another R session: out of saveRDS() or a saved workspace. R keeps
# its own side of them, a pointer that leads nowhere in another process.

# What these objects are, by the classes that their own are made from. Tensors have methods of
# their own once their framework is loaded.
keras_classes <- paste0("keras.src.", c(
  "layers.layer.Layer",
  "optimizers.base_optimizer.BaseOptimizer",
  "optimizers.schedules.learning_rate_schedule.LearningRateSchedule",
  "losses.loss.Loss",
  "metrics.metric.Metric",
  "callbacks.callback.Callback",
  "initializers.initializer.Initializer",
  "regularizers.regularizers.Regularizer",
  "constraints.constraints.Constraint",
  "quantizers.quantizers.Quantizer",
  "dtype_policies.dtype_policy.DTypePolicy",
  "random.seed_generator.SeedGenerator",
  "layers.input_spec.InputSpec",
  "distillation.distillation_loss.DistillationLoss",
  "quantizers.quantization_config.QuantizationConfig",
  "saving.file_editor.KerasFileEditor",
  "trainers.data_adapters.py_dataset_adapter.PyDataset",
  "optimizers.multi_optimizer.OptimizerMap",
  "utils.progbar.Progbar",
  "saving.object_registration.CustomObjectScope",
  "backend.name_scope",
  "backend.common.name_scope.name_scope",
  "backend.common.remat.RematScope",
  "backend.common.stateless_scope.StatelessScope",
  "backend.common.symbolic_scope.SymbolicScope",
  "export.saved_model_export_archive.SavedModelExportArchive",
  "backend.numpy.export.NumpyExportArchive"
))

pointer_classes <- c(
  keras_classes,
  "keras.src.backend.common.variables.Variable",
  "keras.src.backend.common.keras_tensor.KerasTensor",
  "jaxlib._jax.ArrayImpl",
  "tensorflow.python.types.core.Tensor",
  "torch.Tensor",
  "numpy.ndarray"
)

# Objects of this session have methods of reticulate's, or of their own class.
pointer_methods <- list(
  print = function(x, ...) {
    if (py_is_null_xptr(x)) {
      print_pointer(x)
    } else if (inherits(x, keras_classes)) {
      cat(call_py(bound$object_line, x), "\n", sep = "")
    } else {
      NextMethod()
    }
    invisible(x)
  },
  format = function(x, ...) if (py_is_null_xptr(x)) shown_pointer(x) else NextMethod(),
  str = function(object, ...) {
    if (py_is_null_xptr(object)) {
      print_pointer(object)
    } else if (inherits(object, keras_classes)) {
      cat(" ", call_py(bound$object_line, object), "\n", sep = "")
    } else {
      NextMethod()
    }
  },
  summary = function(object, ...) {
    check_of_this_session(object)
    NextMethod()
  },
  # reticulate finds nothing in such an object.
  "$" = function(x, name) {
    value <- python_attribute(x, name)
    if (is.null(value)) check_of_this_session(x)
    value
  }
)

register_pointer_methods <- function() {
  namespace <- topenv()
  delayedAssign(
    "python_attribute",
    get("$.python.builtin.object", envir = asNamespace("reticulate")),
    assign.env = namespace
  )
  for (class in pointer_classes) {
    for (generic in names(pointer_methods)) {
      registerS3method(generic, class, pointer_methods[[generic]], envir = namespace)
    }
  }
}

python_attribute <- NULL

shown_pointer <- function(x) {
  paste0("<", short_class(x), ": a pointer from an earlier session>")
}

# Python's name of a class, without its module.
short_class <- function(x) sub(".*[.]", "", class(x)[[1L]])

print_pointer <- function(x) {
  cat(shown_pointer(x), "\n", sep = "")
  invisible(x)
}

check_of_this_session <- function(x, call = caller_env()) {
  if (is_py_object(x) && py_is_null_xptr(x)) {
    class <- short_class(x)
    cli_abort(c(
      "This {.cls {class}} is a pointer from an earlier session.",
      i = "It lived in the Python of that session. {.fn saveRDS} and a saved workspace do not hold
           it: {.fn save_model} and {.fn serialize_model} keep a model."
    ), class = c("kerasbridge_earlier_session", "kerasbridge_error"), call = error_call(call))
  }
}
