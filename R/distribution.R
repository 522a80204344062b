# Meshes of devices, layouts and distributions as R shows them, and the rules of a layout map as R
# writes them. layouts.py knows what they mean.

#' Rules of a layout map
#'
#' `map["dense.*kernel"] <- list(NULL, "model")` says how the weights are split whose paths match:
#' here along their second axis, among the devices along the mesh's axis `"model"`. The expression
#' is Python's, and must match the whole path, as a weight's `$path` gives it. A weight that no rule
#' matches is whole on every device; one that two rules match is an error when it is made.
#'
#' A mesh, a layout, a layout map and a distribution print what each device has.
#'
#' @param x What [distribution_layout_map()] gave.
#' @param i A string: for `[<-` a regular expression, for `[` the path of a weight.
#' @param value A list with one entry for each axis of the weight: the name of an axis of the mesh,
#'   or `NULL` where the weight is not split. What [distribution_tensor_layout()] gives will also
#'   do. `NULL` removes the rule.
#' @returns `[` gives a layout, or `NULL` where no rule matches; `[<-` the map, changed in place.
#' @source `keras.distribution.LayoutMap`:
#'   <https://www.tensorflow.org/api_docs/python/tf/keras/distribution/LayoutMap>
#' @concept keras.distribution.LayoutMap
#' @seealso [distribution_model_parallel()]; [distribution] lists what belongs together.
#' @examplesIf can_run_keras() && config_backend() == "jax"
#' mesh <- distribution_device_mesh(1, list("model"), distribution_list_devices()[1])
#' map <- distribution_layout_map(mesh)
#' map["dense.*kernel"] <- list(NULL, "model")
#' map
#' map["dense/kernel"]
#' @concept distribution
#' @name layout-rules
NULL

#' @rdname layout-rules
#' @export
`[.keras.src.distribution.distribution_lib.LayoutMap` <- function(x, i) {
  call_py(bound$layouts_of_path, x, i)
}

#' @rdname layout-rules
#' @export
`[<-.keras.src.distribution.distribution_lib.LayoutMap` <- function(x, i, value) {
  call_py(bound$layouts_rule, x, i, if (is.character(value)) as.list(value) else value)
  x
}

#' @rdname layout-rules
#' @export
`[[.keras.src.distribution.distribution_lib.LayoutMap` <-
  `[.keras.src.distribution.distribution_lib.LayoutMap`

#' @rdname layout-rules
#' @export
`[[<-.keras.src.distribution.distribution_lib.LayoutMap` <-
  `[<-.keras.src.distribution.distribution_lib.LayoutMap`

# What is shown by layouts.py: Keras's own, and the one that stands for it on PyTorch.
shown_by_layouts <- c(
  paste0(
    "keras.src.distribution.distribution_lib.",
    c("DeviceMesh", "TensorLayout", "LayoutMap", "Distribution")
  ),
  "kerasbridge.distribution.averaging.DataParallel"
)

register_layout_methods <- function() {
  methods <- list(
    format = function(x, ...) {
      if (py_is_null_xptr(x)) shown_pointer(x) else call_py(bound$layouts_shown, x)
    },
    print = function(x, ...) {
      cat(format(x), "\n", sep = "")
      invisible(x)
    }
  )
  for (class in shown_by_layouts) {
    for (generic in names(methods)) {
      registerS3method(generic, class, methods[[generic]], envir = topenv())
    }
  }
}
