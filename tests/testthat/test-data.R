# The rows of the data table: what R's vectors become, and what comes back.

tensor_of <- function(x) op_convert_to_tensor(x)
dtype_of <- function(x) op_dtype(tensor_of(x))

test_that("each type of R vector has its dtype and comes back as it was", {
  cases <- list(
    float32 = list(c(1.5, -2), matrix(c(0.5, 2, 4, 8), 2), array(1:8 / 8, c(2, 2, 2))),
    int32 = list(1:3, matrix(1:6, 2)),
    bool = list(c(TRUE, FALSE), matrix(c(TRUE, FALSE, FALSE, TRUE, TRUE, TRUE), 2)),
    complex64 = list(c(1i, 2 + 3i))
  )
  for (dtype in names(cases)) {
    for (x in cases[[dtype]]) {
      expect_identical(dtype_of(x), dtype)
      expect_identical(as.array(tensor_of(x)), as.array(x))
    }
  }
})

test_that("a matrix of many elements is transposed without a slip, there and back", {
  # More than one block of rows, and more elements than from which R allocates the result.
  x <- matrix(as.double(1:120000), 400)
  expect_identical(as.array(tensor_of(x)), x)
  y <- matrix(1:120000, 400)
  expect_identical(as.array(tensor_of(y)), y)
})

test_that("NaN, NA and Inf of doubles are kept, and missing integers refused", {
  x <- as.array(tensor_of(c(NA, NaN, Inf, -Inf)))
  expect_identical(is.nan(x), as.array(c(TRUE, TRUE, FALSE, FALSE)))
  expect_identical(as.vector(x[3:4]), c(Inf, -Inf))
  expect_refused(tensor_of(c(1L, NA)), "`x` has missing values, and integers")
  expect_refused(tensor_of(c(TRUE, NA)), "logicals")
  expect_refused(tensor_of(factor(c("a", NA))), "missing values")
})

test_that("a factor is its codes, counted from 0, with unused levels left where they are", {
  f <- factor(c("low", "high", "low"), levels = c("low", "mid", "high"))
  expect_identical(as.vector(as.array(tensor_of(f))), c(0L, 2L, 0L))
})

test_that("raw bytes are unsigned 8-bit integers", {
  x <- as.raw(c(0, 7, 255))
  expect_identical(dtype_of(x), "uint8")
  expect_identical(as.vector(as.array(tensor_of(x))), c(0L, 7L, 255L))
})

test_that("dates and times are refused with the line to write", {
  day <- as.Date("2024-02-29")
  times <- list(day, as.POSIXct(day), as.POSIXlt(day), day - (day - 1), rep(day, 3), day[0])
  for (time in times) {
    expect_refused(tensor_of(time), "`x` is a <(Date|POSIX.t|difftime)>.*as.numeric\\(x\\)")
    expect_refused(op_add(1, time), "`x2` is a .*as.numeric\\(x2\\)")
  }
  expect_refused(tensor_of(list(1, day)), "as.numeric\\(x\\)")
  expect_identical(as.vector(as.array(tensor_of(as.numeric(day)))), 19782)
})

test_that("an integer64 is exact, or refused where the backend has 32 bits", {
  skip_if_not_installed("bit64")
  small <- bit64::as.integer64(c(1, -5))
  expect_identical(as.vector(as.array(tensor_of(small))), c(1L, -5L))
  large <- bit64::as.integer64(2^40) + bit64::as.integer64(c(0, 5))
  if (config_backend() %in% c("jax", "numpy")) {
    expect_refused(tensor_of(large), "beyond 2\\^31")
  } else {
    expect_identical(as.vector(as.array(tensor_of(large))), 2^40 + c(0, 5))
  }
})

test_that("a sparse matrix is a sparse tensor where the backend has one", {
  skip_if_not_installed("Matrix")
  m <- Matrix::sparseMatrix(i = c(1, 3, 2), j = c(1, 2, 3), x = c(1.5, 2, -4), dims = c(3, 4))
  matrices <- list(
    m,
    Matrix::t(m), # stored by rows of `m`
    Matrix::sparseMatrix(i = c(1, 2), j = c(2, 2), x = c(1, 3), symmetric = TRUE),
    Matrix::sparseMatrix(i = c(1, 2), j = c(2, 1)), # a pattern: where there is anything
    Matrix::Matrix(0, 2, 3, sparse = TRUE),
    Matrix::Diagonal(2, c(2, 5))
  )
  if (config_backend() %in% c("tensorflow", "jax")) {
    for (m in matrices) {
      expect_identical(as.array(tensor_of(m)), as.matrix(m) + 0, ignore_attr = TRUE)
      product <- op_matmul(m, diag(ncol(m)))
      expect_identical(as.array(product), as.matrix(m) + 0, ignore_attr = TRUE)
    }
  } else {
    for (m in matrices) expect_refused(op_matmul(m, diag(ncol(m))), "as.matrix\\(\\)")
  }
})

test_that("strings are tensors on tensorflow, and refused elsewhere by what takes them", {
  strings <- list(
    c("a", "\u00e9"), matrix(c("a", "", "\U1F600", "d"), 2), character(), array("", c(0, 2)),
    iconv("\u00e9", "UTF-8", "latin1")
  )
  for (x in strings) {
    if (config_backend() == "tensorflow") {
      expect_identical(as.array(tensor_of(x)), if (length(x) == 1L) x else as.array(x))
    } else {
      expect_refused(tensor_of(x), "layer_string_lookup")
    }
  }
  expect_refused(tensor_of(c("a", NA)), "missing values, and strings")
})

test_that("arrays of no elements, of one dimension and of many keep their dimensions", {
  sizes <- list(
    0L, c(0L, 3L), c(0L, 0L), c(2L, 0L, 1L, 3L, 1L), 1L, 4L, c(1L, 1L, 1L), c(2L, 1L, 2L, 1L, 2L),
    c(2L, 1L, 2L, 1L, 2L, 3L)
  )
  for (dim in sizes) {
    for (type in list(as.double, as.integer, as.complex, \(x) x %% 2 == 0)) {
      x <- array(type(seq_len(prod(dim))), dim)
      expect_identical(dim(tensor_of(x)), dim)
      expect_identical(as.array(tensor_of(x)), x)
    }
  }
})

test_that("a single value has no dimensions, whatever its type", {
  values <- list(1.5, 2L, TRUE, 1i, as.raw(7), factor("a"))
  if (requireNamespace("bit64", quietly = TRUE)) values <- c(values, list(bit64::as.integer64(3)))
  for (value in values) {
    expect_null(dim(tensor_of(value)))
    expect_identical(length(tensor_of(value)), 1L)
  }
  expect_identical(as.vector(as.array(tensor_of(as.raw(7)))), 7L)
  expect_identical(dim(tensor_of(array(as.raw(7), c(1, 1)))), c(1L, 1L))
})

test_that("names and dimnames stay behind", {
  x <- matrix(c(1, 2, 3, 4), 2, dimnames = list(c("a", "b"), c("c", "d")))
  expect_identical(as.array(tensor_of(x)), unname(x))
  expect_identical(as.array(tensor_of(c(a = 1L, b = 2L))), array(1:2))
  expect_identical(as.array(tensor_of(as.table(x))), unname(x))
})

test_that("doubles take the floating dtype of the session, or the one that is asked for", {
  x <- c(0.1, -1e-300, 1e300, pi)
  rounded <- readBin(writeBin(x, raw(), size = 4L), "double", 4L, size = 4L)
  expect_identical(as.array(tensor_of(x)), array(rounded))
  expect_identical(as.array(tensor_of(1e300)), Inf)
  # JAX has 64 bits only once it is told so.
  exact <- if (config_backend() == "jax") rounded else x
  quietly <- if (config_backend() == "jax") suppressWarnings else identity
  expect_identical(as.array(quietly(op_convert_to_tensor(x, dtype = "float64"))), array(exact))
  expect_identical(as.array(quietly(op_array(x, dtype = "float64"))), array(exact))
  expect_identical(as.array(quietly(op_cast(x, "float64"))), array(exact))
  expect_identical(
    as.array(quietly(keras_variable(x, dtype = "float64", trainable = FALSE))), array(exact)
  )
  config_set_floatx("float64")
  withr::defer(config_set_floatx("float32"))
  expect_identical(as.array(quietly(tensor_of(x))), array(exact))
})

test_that("each floating dtype comes back as doubles", {
  # Numbers that even eight bits hold.
  x <- matrix(c(0.5, -2, 1.5, 0.25, 0, 4), 2)
  for (dtype in c("float16", "bfloat16", "float8_e4m3fn", "float8_e5m2", "float32")) {
    expect_identical(as.array(op_convert_to_tensor(x, dtype = dtype)), x, label = dtype)
    expect_identical(as.array(op_cast(tensor_of(x), dtype)), x, label = dtype)
  }
  # 8 bits of a fraction are 3 or 2: R's doubles are rounded once.
  expect_identical(as.array(op_convert_to_tensor(c(1.07, 1), dtype = "float8_e4m3fn"))[1], 1.125)
  expect_identical(as.array(op_convert_to_tensor(c(1.07, 1), dtype = "bfloat16"))[1], 1.0703125)
})

test_that("each integer dtype comes back as integers, and what it has no room for is refused", {
  ranges <- list(
    int8 = c(-128, 127), uint8 = c(0, 255), int16 = c(-32768, 32767), uint16 = c(0, 65535),
    int32 = c(-2147483647, 2147483647)
  )
  for (dtype in names(ranges)) {
    range <- ranges[[dtype]]
    x <- op_convert_to_tensor(range, dtype = dtype)
    # Keras keeps unsigned 16 bits in 32 on torch.
    kept <- if (dtype == "uint16" && config_backend() == "torch") "int32" else dtype
    expect_identical(op_dtype(x), kept)
    expect_identical(as.array(x), array(as.integer(range)))
    refusal <- sprintf("`x` holds .*, which the dtype %s has not", dtype)
    expect_refused(op_convert_to_tensor(range - c(2, 0), dtype = dtype), refusal)
    expect_refused(op_convert_to_tensor(range + c(0, 1), dtype = dtype), refusal)
    expect_refused(op_convert_to_tensor(c(NA, 1), dtype = dtype), "holds NA, NaN or Inf")
  }
  expect_identical(as.array(op_convert_to_tensor(c(0, 2), dtype = "bool")), array(c(FALSE, TRUE)))
})

test_that("integers of four bits come back as integers", {
  on_backend("jax", {
    int4 <- import("jax.numpy")$array(c(-8L, 7L), dtype = "int4")
    expect_identical(as.array(int4), array(c(-8L, 7L)))
  })
  # Keras keeps two of them in a byte.
  model <- keras_model_sequential(input_shape = 2) |> layer_dense(2, use_bias = FALSE)
  set_weights(model, list(matrix(c(7, -7, 1, 7), 2)))
  quantize_weights(model, "int4")
  stored <- get_weights(model)[[1]]
  expect_type(stored, "integer")
  expect_true(all(stored >= -128L & stored <= 127L))
})

# 2^60 + 1, of which a double has only the first 53 bits.
wide <- structure(readBin(as.raw(c(1, 0, 0, 0, 0, 0, 0, 16)), "double"), class = "integer64")

test_that("wide integers come back as the smallest type of R that holds them exactly", {
  skip_if_not_installed("bit64")
  loadNamespace("bit64")
  numbers <- function(...) bit64::as.integer64(c(...))
  for (small in list(numbers("3", "-5"), numbers("2147483647", "-2147483647"))) {
    expect_identical(as.array(tensor_of(small)), array(as.integer(small)))
  }
  cases <- list(
    numbers("2147483648", "1"), # beyond an integer
    numbers("-2147483648", "1"), # an integer's NA, which 32 bits hold
    numbers("9007199254740991", "-9007199254740991"),
    numbers("9007199254740993", "-9223372036854775807") # beyond a double
  )
  for (x in cases) {
    if (config_backend() %in% c("jax", "numpy") && x[[1]] != numbers("-2147483648")) {
      expect_refused(tensor_of(x), "beyond 2\\^31")
    } else if (all(abs(x) < numbers("9007199254740992"))) {
      expect_identical(as.array(tensor_of(x)), array(as.double(x)))
    } else {
      expect_identical(as.array(tensor_of(x)), structure(x, dim = 2L))
      expect_identical(as.array(tensor_of(wide)), structure(wide, dim = NULL))
    }
  }
})

test_that("integers beyond 2^53 are refused while bit64 is not loaded", {
  skip_if_not_installed("callr")
  on_backend(c("tensorflow", "torch"), {
    refusal <- callr::r(function(wide) {
      library(kerasbridge)
      tryCatch(as.array(op_convert_to_tensor(wide)), kerasbridge_error = conditionMessage)
    }, list(wide))
    expect_match(refusal, "beyond 2\\^53, which R's numbers cannot hold exactly.*bit64")
  })
  on_backend(c("jax", "numpy"), expect_refused(tensor_of(wide), "`x` holds integers beyond 2\\^31"))
})

test_that("a single integer of Python's obeys the same rule", {
  expect_identical(get_config(layer_hashing(num_bins = 3))$num_bins, 3L)
  expect_identical(get_config(layer_hashing(num_bins = 2^40))$num_bins, 2^40)
})

test_that("a data frame is its columns, and a matrix only when asked", {
  expect_refused(tensor_of(cars), "`x` must be a tensor or R data, not a named list")
  expect_identical(dim(tensor_of(as.matrix(cars))), c(50L, 2L))
  inputs <- list(speed = keras_input(1, name = "speed"), dist = keras_input(1, name = "dist"))
  model <- keras_model(inputs, op_subtract(inputs$dist, inputs$speed))
  expect_identical(as.vector(predict(model, cars, verbose = 0)), cars$dist - cars$speed)
  with_na <- data.frame(speed = c(1, NA), dist = 1:2)
  expect_identical(is.na(as.vector(predict(model, with_na, verbose = 0))), c(FALSE, TRUE))
  with_na$dist[1] <- NA
  expect_refused(predict(model, with_na, verbose = 0), "`x` has missing values, and integers")
})

test_that("lists keep their nesting, there and back", {
  first <- keras_input(2)
  second <- keras_input(1)
  model <- keras_model(
    list(a = first, b = list(second)), list(sum = first + second, parts = list(second, first))
  )
  x <- matrix(1:6 / 2, 3)
  y <- matrix(c(10, 20, 30), 3)
  predicted <- predict(model, list(a = x, b = list(y)), verbose = 0)
  expect_identical(predicted[c("sum", "parts")], list(sum = x + c(10, 20, 30), parts = list(y, x)))
})

test_that("an array of NumPy has the order that is asked for, and the same values in R", {
  x <- array(as.double(1:24), 2:4)
  for (order in c("C", "F")) {
    array <- np_array(x, order = order)
    expect_identical(py_to_r(array$flags$c_contiguous), order == "C")
    expect_identical(as.array(array), x)
    expect_identical(as.array(tensor_of(array)), x)
    expect_identical(as.array(op_sum(array, axis = 1)), colSums(x))
  }
})

test_that("what is no data is refused by the name of its argument", {
  expect_refused(op_sum(quote(a + b)), "`x` must be a tensor")
  expect_refused(op_sum(as.name("a")), "`x` must be a tensor")
  expect_refused(op_sum(sum), "`x` must be a tensor")
  expect_error(op_sum(globalenv()), class = "kerasbridge_error")
})

# Factors: vignettes/articles/from-keras3.Rmd has the same table ----------------------------------

f <- factor(c("b", "a", "b"), levels = c("a", "b"))
one <- factor("b", levels = c("a", "b"))
value <- matrix(as.double(1:6), 3)

test_that("a factor is its codes from 0 as data", {
  expect_value(op_convert_to_tensor(f), c(1, 0, 1))
  expect_value(op_bincount(f), c(1, 2))
})

test_that("a factor is a position counted from 1 as a subscript", {
  for (x in eager_tensors(value)) {
    expect_value(x@r[f, ], value[f, ])
    expect_value(x@r[one, ], value[one, ])
    expect_value(x@r[1, f], value[1, f])
    expect_value(x@py[f, ], value[f, ])
  }
  v <- keras_variable(value)
  v@r[one, ] <- c(10, 20)
  changed <- value
  changed[one, ] <- c(10, 20)
  expect_value(v, changed)
  on_backend(c("tensorflow", "jax", "torch"), {
    expect_value(op_convert_to_tensor(value)[f, one], value[f, one])
  })
})

test_that("a factor is a position counted from 1 where a function takes positions", {
  expect_value(op_take(c(5, 6), f), c(6, 5, 6))
  expect_value(op_take(c(5, 6), one), 6)
  expect_value(op_one_hot(f, 2), rbind(c(0, 1), c(1, 0), c(0, 1)))
  expect_value(op_segment_sum(c(1, 2, 4), f, num_segments = 2), c(2, 5))
  expect_value(op_take_along_axis(c(5, 6), f, axis = 1), c(6, 5, 6))
  expect_value(op_multi_hot(f, 3), c(1, 1, 0))
  expect_value(op_multi_hot(one, 3), c(0, 1, 0))
  expect_value(op_switch(one, list(\(x) x + 1, \(x) x * 10), op_ones(2)), c(10, 10))
  places <- f
  dim(places) <- c(3L, 1L)
  expect_value(op_scatter(places, c(1, 2, 4), 2), c(2, 5))
})

test_that("a factor has a segment or a class for each level, also for one that does not occur", {
  unused <- factor(c("a", "b", "a"), levels = c("a", "b", "c"))
  x <- c(1, 2, 4)
  expect_value(op_segment_sum(x, unused), c(5, 2, 0))
  expect_value(op_segment_prod(x, unused), c(4, 2, 1))
  expect_value(op_segment_max(x, unused)@r[1:2], c(4, 2))
  expect_value(op_segment_min(x, unused)@r[1:2], c(1, 2))
  for (find in list(op_segment_max, op_segment_min)) {
    expect_identical(dim(find(x, unused)), 3L)
  }
  expect_value(op_segment_sum(x, unused, zero_indexed = TRUE), c(5, 2, 0))
  expect_value(op_segment_sum(x, unused, num_segments = 2), c(5, 2))
  expect_value(op_multi_hot(unused), c(1, 1, 0))
  expect_value(op_multi_hot(one), c(0, 1))
  expect_value(to_categorical(unused), rbind(c(1, 0, 0), c(0, 1, 0), c(1, 0, 0)))
})

test_that("a factor is a position where one position or a target is wanted", {
  expect_value(op_slice(c(5, 6, 7), one, 1), 6)
  places <- factor(c("b", "a"))
  expect_value(op_unravel_index(places, c(2, 2)), list(c(1, 1), c(2, 1)))
  dim(places) <- c(2L, 1L)
  expect_value(op_scatter_update(c(9, 9), places, c(5, 6)), c(6, 5))
  expect_value(op_argpartition(c(3, 1, 2), one), op_argpartition(c(3, 1, 2), 2))
  scores <- rbind(c(0.9, 0.1), c(0.9, 0.1), c(0.1, 0.9))
  expect_value(op_in_top_k(f, scores, 1), c(FALSE, TRUE, TRUE))
  target <- factor(c("b", "c"), levels = c("a", "b", "c"))
  dim(target) <- c(1L, 2L)
  of_length <- \(target) op_ctc_loss(target, array(0, c(1, 4, 3)), array(2L), array(4L))
  expect_value(of_length(target), of_length(matrix(2:3, 1)))
})

test_that("a vector of codes is assigned to", {
  g <- factor(c("c", "a"), levels = c("a", "b", "c"))
  changed <- value
  changed[g, ] <- -1
  changed[g, 1] <- c(7, 8)
  v <- keras_variable(value)
  v@r[g, ] <- -1
  v@py[g, 0] <- c(7, 8)
  expect_value(v, changed)
  changed[g, 2] <- c(5, 6)
  on_backend(c("tensorflow", "jax", "torch"), {
    v[g, 2] <- c(5, 6)
    expect_value(v, changed)
  })
  on_backend(c("jax", "torch"), {
    x <- op_convert_to_tensor(value)
    x[g, ] <- -1
    x@py[g, 0] <- c(7, 8)
    x@r[g, 2] <- c(5, 6)
    expect_value(x, changed)
  })
})

test_that("a factor is no operand", {
  refusal <- "`e[12]` is a factor.*as.integer\\(e[12]\\).*as.character\\(e[12]\\)"
  for (x in eager_tensors(array(c(1, 2, 1)))) {
    for (operator in list(`+`, `*`, `==`, `<`, `&`, `%*%`)) {
      expect_refused(operator(x, f), refusal)
      expect_refused(operator(f, x), refusal)
    }
    expect_value(x == as.integer(f), c(FALSE, FALSE, FALSE))
  }
})

test_that("a factor is no axis, shape or size", {
  expect_refused(op_sum(value, axis = one), "axis")
  for (x in eager_tensors(value)) {
    expect_refused(x@r[one:3, ], "Subscript 1 is the string \"b\"")
    expect_refused(x@r[1:one, ], "Subscript 1 is the string \"b\"")
  }
  expect_refused(op_transpose(value, factor(c("b", "a"))), "`axes` must be a whole number")
  expect_error(op_split(value, one), class = "kerasbridge_error")
  expect_error(op_split(value, f), class = "kerasbridge_error")
  expect_error(op_get_item(value, one), class = "kerasbridge_error")
  expect_refused(shape(one), "whole numbers")
  expect_error(op_zeros(one), class = "kerasbridge_error")
  expect_error(layer_dense(units = one), class = "kerasbridge_error")
})

# Numbers that a backend has not ------------------------------------------------------------------

test_that("op_nextafter() is the next number of the tensor's own dtype", {
  step <- 2^-23
  found <- as.array(op_nextafter(c(1, 1, 2), c(2, 0, 2)))
  expect_identical(found, array(c(1 + step, 1 - step / 2, 2)))
  expect_identical(as.array(op_nextafter(1L, 2L)), 1 + step)
  if (config_backend() %in% c("tensorflow", "torch")) { # JAX and NumPy compute in float32
    wide <- lapply(1:2, op_convert_to_tensor, dtype = "float64")
    expect_identical(as.array(op_nextafter(wide[[1]], wide[[2]])), 1 + 2^-52)
  }
})

test_that("only a dimension of size 1 is squeezed out", {
  x <- op_ones(c(1, 2, 1, 3))
  expect_identical(dim(op_squeeze(x)), 2:3)
  expect_identical(dim(op_squeeze(x, 1)), c(2L, 1L, 3L))
  expect_identical(dim(op_squeeze(x, -2)), c(1L, 2L, 3L))
  expect_identical(dim(op_squeeze(x, c(3, 1))), 2:3)
  for (axis in list(2, -1, c(1, 2))) {
    expect_error(op_squeeze(x, axis), "Only a dimension of size 1 can be squeezed out")
  }
})

test_that("there are as many segments as are numbered, where nothing else is said", {
  x <- c(1, 2, 4)
  expect_value(op_segment_sum(x, c(1, 3, 1)), c(5, 0, 2))
  expect_value(op_segment_prod(x, c(1, 3, 1)), c(4, 1, 2))
  expect_value(op_segment_max(x, c(2, 1, 2)), c(2, 4))
  expect_value(op_segment_min(x, c(2, 1, 2)), c(2, 1))
  expect_value(op_segment_sum(cbind(x, 10 * x), c(2, 2, 1)), rbind(c(4, 40), c(3, 30)))
  expect_value(op_segment_sum(x, c(1, 3, 1), num_segments = 4), c(5, 0, 2, 0))
})

test_that("op_average() has NumPy's weights on every backend", {
  x <- matrix(as.double(1:6), 2, byrow = TRUE)
  expect_value(op_average(x), 3.5)
  expect_value(op_average(x, weights = x), sum(x * x) / sum(x))
  expect_value(op_average(x, 1, weights = c(1, 3)), c(13, 17, 21) / 4)
  expect_value(op_average(x, 2, weights = c(1, 2, 3)), c(14, 32) / 6)
  expect_value(op_average(x, -1, weights = x), rowSums(x * x) / rowSums(x))
  expect_value(op_average(x, 1, weights = x), colSums(x * x) / colSums(x))
  expect_value(op_average(x, c(2, 1), weights = t(x)), sum(x * x) / sum(x))
  expect_refused(op_average(x, weights = c(1, 2, 3)), "`axis` must be given")
  expect_refused(op_average(x, 1, weights = c(1, 2, 3)), "`weights` must have")
})

test_that("wide integers of any data set are exact, or refused where JAX is fed with them", {
  model <- keras_model_sequential(input_shape = 1, input_dtype = "int64") |>
    layer_rescaling(1 / 2^40)
  np <- reticulate::import("numpy", convert = FALSE)
  rows <- np$array(reticulate::py_eval("[[2 ** 40], [2 ** 41]]", convert = FALSE))
  sets <- list(
    tf = \() {
      import("tensorflow", convert = FALSE)$data$Dataset$from_tensor_slices(rows)$batch(2L)
    },
    grain = \() import("grain", convert = FALSE)$MapDataset$source(rows)$batch(2L),
    generator = \() reticulate::py_eval("lambda rows: iter([(rows,)])", convert = FALSE)(rows)
  )
  for (name in names(sets)) {
    predicted <- \() predict(model, sets[[name]](), verbose = 0)
    if (config_backend() == "jax") {
      expect_refused(predicted(), "`x` holds integers beyond 2\\^31", info = name)
    } else {
      expect_identical(predicted(), matrix(c(1, 2)), info = name)
    }
  }
  on_backend("jax", {
    input <- keras_input(1, dtype = "int64", name = "id")
    named <- keras_model(list(id = input), layer_rescaling(input, 1 / 2^40))
    tf <- import("tensorflow", convert = FALSE)
    columns <- \(rows) tf$data$Dataset$from_tensor_slices(list(id = rows))$batch(2L)
    expect_refused(predict(named, columns(rows), verbose = 0), "`id` holds integers beyond 2\\^31")
    # JAX says that it has 32 bits
    small <- suppressWarnings(predict(named, columns(matrix(2^30)), verbose = 0))
    expect_identical(small, matrix(2^-10))
  })
})

test_that("wide integers are exact or refused", {
  skip_if_not_installed("bit64")
  narrow <- config_backend() == "jax"
  big <- bit64::as.integer64("1099511627776")
  for (make in list(
    \(d) op_convert_to_tensor(c(big, 5), d), \(d) op_array(c(big, 5), d),
    \(d) op_full(1, 2^40, d), \(d) op_convert_to_tensor(big, d),
    \(d) op_convert_to_tensor(2^40, d), \(d) as_tensor(c(2^40, 5), d),
    \(d) op_cast(big, d), \(d) op_cast(c(2^40, 5), d),
    \(d) keras_variable(big, dtype = d, trainable = FALSE),
    \(d) keras_variable(c(2^40, 5), dtype = d, trainable = FALSE)
  )) {
    for (dtype in c("int64", "uint64")) {
      if (narrow) {
        expect_refused(suppressWarnings(make(dtype)), "beyond 2\\^3[12]")
      } else if (dtype == "uint64" && config_backend() == "torch") {
        expect_refused(make(dtype), "Unsupported dtype for PyTorch: uint64")
      } else {
        expect_identical(as.double(as.array(make(dtype)))[[1]], 2^40)
      }
    }
  }
  for (like in list(1:2, 5L, op_convert_to_tensor(1:2))) {
    for (dtype in c("int64", "uint64")) {
      if (narrow) {
        expect_refused(suppressWarnings(op_full_like(like, 2^40, dtype)), "beyond 2\\^3[12]")
      } else if (dtype == "uint64" && config_backend() == "torch") {
        expect_refused(op_full_like(like, 2^40, dtype), "Unsupported dtype for PyTorch: uint64")
      } else {
        expect_identical(as.double(as.array(op_full_like(like, 2^40, dtype)))[[1]], 2^40)
      }
    }
    expect_refused(op_full_like(like, 2^40), "`fill_value` holds .*, which the dtype int32 has not")
  }
  # From one tensor to another, the framework casts; JAX says that it has 32 bits.
  x <- op_convert_to_tensor(c(2^40, 5))
  cast <- suppressWarnings(op_cast(x, "int64"))
  expect_identical(as.double(as.array(cast)), c(if (narrow) 2^31 - 1 else 2^40, 5))
  expect_value(op_convert_to_tensor(bit64::as.integer64(5)), 5)
  expect_identical(dim(op_convert_to_tensor(bit64::as.integer64(5))), NULL)
  shaped <- bit64::as.integer64(1:4)
  dim(shaped) <- c(2, 2)
  expect_value(op_convert_to_tensor(shaped), matrix(1:4, 2))
})

test_that("positions beyond 32 bits are refused, whatever holds them", {
  far <- 2^32 + 1
  fars <- list(far, c(far, 2), c(-far, 2), c(1e300, 1))
  if (requireNamespace("bit64", quietly = TRUE)) {
    wide <- bit64::as.integer64(c("4294967297", "2"))
    fars <- c(fars, list(wide[1], wide))
  }
  for (far in fars) {
    for (zero_indexed in c(FALSE, TRUE)) {
      for (find in list(
        \(i) op_take(c(5, 6), i, zero_indexed = zero_indexed),
        \(i) op_take_along_axis(c(5, 6), i, zero_indexed = zero_indexed),
        \(i) op_one_hot(i, 2, zero_indexed = zero_indexed),
        \(i) op_unravel_index(i, c(2, 2), zero_indexed = zero_indexed),
        \(i) op_segment_sum(c(1, 2), i, 2, zero_indexed = zero_indexed)
      )) {
        expect_refused(find(far), "holds .*, and no position is beyond 2\\^31")
      }
    }
    expect_refused(op_slice(1:4, far, 1), "no position is beyond")
    dim(far) <- c(length(far), 1L)
    expect_refused(op_scatter(far, seq_along(far), 2), "no position is beyond")
  }
  expect_refused(op_repeat(1:2, c(2^32 + 1, 1)), "`repeats` holds")
})

test_that("wide integers that a model is given are exact or refused", {
  skip_if_not_installed("bit64")
  input <- keras_input(1, dtype = "int64")
  model <- keras_model(input, op_cast(input, "float64"))
  x <- bit64::as.integer64(c("4294967297", "3"))
  dim(x) <- c(2L, 1L)
  small <- bit64::as.integer64(c("7", "3"))
  dim(small) <- c(2L, 1L)
  predictions <- list(
    \(x) predict(model, x, verbose = 0), \(x) predict_on_batch(model, x),
    \(x) predict(model, \() x, steps = 1, verbose = 0)
  )
  for (values_of in predictions) {
    on_backend("jax", expect_refused(values_of(x), "`x` holds integers beyond 2\\^31"))
    on_backend(c("tensorflow", "torch", "numpy"), {
      expect_identical(as.vector(values_of(x)), c(2^32 + 1, 3))
    })
    expect_identical(as.vector(suppressWarnings(values_of(small))), c(7, 3))
  }
  if (trains()) {
    compile(model, loss = "mae")
    losses <- list(
      \(x, y) evaluate(model, x, y, verbose = 0)$loss, \(x, y) test_on_batch(model, x, y)$loss,
      \(x, y) {
        trained <- keras_model_sequential(input_shape = 1) |> layer_rescaling(1, dtype = "float64")
        compile(trained, "sgd", "mae")
        fit(trained, x, y, epochs = 1, verbose = 0)$metrics$loss
      }
    )
    for (loss_of in losses) {
      on_backend("jax", {
        expect_refused(loss_of(x, small), "`x` holds integers beyond 2\\^31")
        expect_refused(loss_of(small, x), "`y` holds integers beyond 2\\^31")
      })
      on_backend(c("tensorflow", "torch"), {
        expect_value(loss_of(x, small), 2^31)
        expect_value(loss_of(small, x), 2^31)
      })
      expect_identical(suppressWarnings(loss_of(small, small + 1)), 1)
    }
  }
})

test_that("text is no number", {
  refusal <- "is (text|a character vector)|Text is no number"
  for (text in list("1", c("1", "2"), list("1", "2"), list(list("1"), list("2")))) {
    for (dtype in c("float32", "int32", "bool")) {
      expect_refused(op_convert_to_tensor(text, dtype), refusal)
      expect_refused(op_cast(text, dtype), refusal)
      expect_refused(op_array(text, dtype), refusal)
      expect_refused(op_full(2, text, dtype), refusal)
      expect_refused(op_full_like(1:2, text, dtype), refusal)
      if (!identical(text, "1")) { # the name of an initializer
        expect_refused(keras_variable(text, dtype = dtype), "`initializer` is text")
      }
    }
    expect_refused(op_full_like(1:2, text), refusal)
    expect_refused(op_add(c(1, 2), text), refusal)
    if (config_backend() != "tensorflow") {
      expect_refused(op_convert_to_tensor(text), "`x` is a character vector")
      expect_refused(op_array(text), "`x` is a character vector")
    }
    for (x in eager_tensors(array(c(1, 2)))) {
      expect_refused(x + text, "`e2` is text, and the dtype float32 has numbers")
      expect_refused(text == x, "`e1` is text, and the dtype float32 has numbers")
      expect_refused(x@r[seq_along(text)] <- text, "`value` is text")
      expect_refused(x@r[] <- text, "`value` is text")
      expect_refused(x@py[0] <- text, "`value` is text")
      expect_value(x, c(1, 2))
    }
  }
})

on_backend("tensorflow", {
  test_that("text has a dtype of its own on TensorFlow, by name or as TensorFlow's object", {
    for (dtype in list("string", tf$string)) {
      expect_identical(as.array(op_convert_to_tensor("a", dtype)), "a")
      expect_identical(as.array(op_convert_to_tensor(c("a", "b"), dtype)), array(c("a", "b")))
      expect_identical(as.array(op_convert_to_tensor(list("a", "b"), dtype)), array(c("a", "b")))
      expect_identical(as.array(op_array("a", dtype)), "a")
      expect_identical(as.array(op_full(2, "a", dtype)), array(c("a", "a")))
    }
    x <- op_convert_to_tensor(c("a", "b"))
    expect_value(x == "a", c(TRUE, FALSE))
    expect_value(x == c("b", "b"), c(FALSE, TRUE))
  })
})

# Vectors of length one ---------------------------------------------------------------------------

test_that("a vector of length one is a vector where Python wants a sequence", {
  x <- op_convert_to_tensor(array(c(4, 5, 6)))
  expect_value(op_transpose(x, 1), c(4, 5, 6))
  on_backend(c("tensorflow", "jax", "torch"), expect_value(aperm(x, 1), c(4, 5, 6)))
  expect_value(op_slice(x, 2, 2), c(5, 6))
  expect_value(op_slice_update(x, 2, array(c(0, 1))), c(4, 0, 1))
  on_backend(c("tensorflow", "jax", "torch"), expect_value(op_moments(x, 1)[[1]], 5))
  expect_value(op_zeros(2), c(0, 0))
  expect_value(op_reshape(matrix(1:2, 1), -1), 1:2)
  expect_value(op_broadcast_to(1, 2), c(1, 1))
  expect_value(layer_permute(dims = 1)(matrix(1:4, 2)), matrix(1:4, 2))
  expect_value(layer_reshape(target_shape = 2)(array(1:4, c(2, 2, 1))), matrix(1:4, 2))
  lookup <- layer_string_lookup(vocabulary = "a", output_mode = "int")
  expect_identical(lookup$vocabulary_size(), 2L)
})

test_that("random_categorical() counts from 1", {
  sure <- matrix(c(-100, 0, -100), 1)
  expect_value(random_categorical(sure, 3, seed = 1), matrix(2, 1, 3))
  expect_value(random_categorical(sure, 3, seed = 1, zero_indexed = TRUE), matrix(1, 1, 3))
})
