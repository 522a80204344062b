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
  expect_error(tensor_of(Sys.Date()), "as.numeric\\(x\\)", class = "kerasbridge_error")
  expect_error(tensor_of(Sys.time()), "as.numeric\\(x\\)", class = "kerasbridge_error")
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
  if (config_backend() %in% c("tensorflow", "jax")) {
    expect_identical(as.array(op_matmul(m, diag(4))), as.matrix(m), ignore_attr = TRUE)
  } else {
    expect_refused(op_matmul(m, diag(4)), "as.matrix\\(\\)")
  }
})

test_that("strings are tensors on tensorflow, and refused elsewhere by what takes them", {
  if (config_backend() == "tensorflow") {
    expect_identical(as.vector(as.array(tensor_of(c("a", "é")))), c("a", "é"))
  } else {
    expect_refused(tensor_of(c("a", "b")), "layer_string_lookup")
  }
})

test_that("arrays of no elements, of one dimension and of many keep their dimensions", {
  for (sizes in list(c(0L, 3L), 1L, 4L, c(2L, 1L, 2L, 1L, 2L))) {
    x <- array(as.double(seq_len(prod(sizes))), sizes)
    expect_identical(dim(tensor_of(x)), sizes)
    expect_identical(as.array(tensor_of(x)), x)
  }
})

test_that("what is no data is refused by the name of its argument", {
  expect_refused(op_sum(quote(a + b)), "`x` must be a tensor")
  expect_refused(op_sum(as.name("a")), "`x` must be a tensor")
  expect_refused(op_sum(sum), "`x` must be a tensor")
  expect_error(op_sum(globalenv()), class = "kerasbridge_error")
})
