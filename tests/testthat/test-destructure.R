test_that("lists, vectors and shapes are taken apart", {
  .[a, b] <- list("one", 2)
  expect_identical(list(a, b), list("one", 2))
  .[a, b, c] <- 1:3
  expect_identical(c(a, b, c), 1:3)
  .[a, b] <- c(x = 1, y = 2)
  expect_identical(c(a, b), c(1, 2))
  .[a, b] <- shape(NA, 3)
  expect_identical(list(a, b), list(NULL, 3L))
})

test_that("nested patterns, empty slots and .. take what they stand for", {
  .[loss, .[grads, aux]] <- list(1, list(2, 3))
  expect_identical(c(loss, grads, aux), c(1, 2, 3))
  .[a, .[b, .[c]], d] <- list(1, list(2, list(3)), 4)
  expect_identical(c(a, b, c, d), c(1, 2, 3, 4))
  skipped <- "untouched"
  .[a, , b] <- list(1, "skipped", 3)
  expect_identical(c(a, b), c(1, 3))
  expect_identical(skipped, "untouched")
  .[first, ..] <- 1:5
  expect_identical(first, 1L)
  .[.., last] <- 1:5
  expect_identical(last, 5L)
  .[first, .., .[x, y]] <- list(1, 2, 3, list(4, 5))
  expect_identical(c(first, x, y), c(1, 4, 5))
  .[a, .., b] <- list(1, 2)
  expect_identical(c(a, b), c(1, 2))
})

test_that("slots can be places in other objects", {
  self <- new.env()
  values <- list()
  .[self$w, values$b, values[["c"]]] <- list(1, 2, 3)
  expect_identical(self$w, 1)
  expect_identical(values, list(b = 2, c = 3))
})

test_that("a NULL is a value", {
  a <- 1
  .[a, b] <- list(NULL, 2)
  expect_null(a)
  expect_identical(b, 2)
})

test_that("names are assigned in the calling function", {
  swap <- function(x, y) {
    .[x, y] <- list(y, x)
    list(x, y)
  }
  expect_identical(swap(1, 2), list(2, 1))
})

test_that("another number of values is refused, both lengths told, and nothing is assigned", {
  a <- b <- 0
  expect_refused(.[a, b] <- list(1, 2, 3), "3 values apart into 2 names")
  expect_refused(.[a, b] <- list(1), "1 value apart into 2 names")
  expect_refused(.[a, .., b] <- list(1), "1 value apart into at least 2 names")
  expect_refused(.[a, .[b]] <- list(1, list(2, 3)), "2 values apart into 1 name")
  expect_refused(.[.., a, ..] <- list(1, 2), "Only one slot")
  expect_identical(b, 0)
})

test_that("tuples and tensors are taken apart", {
  .[a, .[b, c]] <- tuple(1, tuple("two", 3), convert = FALSE)
  expect_identical(list(py_to_r(a), py_to_r(b), py_to_r(c)), list(1, "two", 3))
  .[row_1, row_2] <- op_convert_to_tensor(matrix(1:6, 2))
  expect_value(row_1, c(1L, 3L, 5L))
  expect_value(row_2, c(2L, 4L, 6L))
  .[values, positions] <- op_top_k(c(3, 9, 5), k = 2)
  expect_value(values, c(9, 5))
  expect_value(positions, 2:3)
})

test_that("%<-% is zeallot's", {
  c(a, b) %<-% list(1, 2)
  expect_identical(c(a, b), c(1, 2))
  c(a, c(b, d)) %<-% list(1, list(2, 3))
  expect_identical(c(a, b, d), c(1, 2, 3))
  c(first, ...rest) %<-% 1:3
  expect_identical(list(first, as.integer(rest)), list(1L, 2:3))
})
