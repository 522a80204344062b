test_that("names of keras3 do what they stand for", {
  expect_equal(as.array(as_tensor(0, shape = c(2, 2))), matrix(0, 2, 2))
  expect_equal(op_convert_to_array(c(1, 2)), array(c(1, 2)))
  expect_equal(as.array(op_pmax(c(1, 5), c(3, 3), c(2, 4))), array(c(3, 5)))
  expect_equal(as.array(op_pmin(c(1, 5), c(3, 3), c(2, 4))), array(c(1, 3)))
  x <- op_convert_to_tensor(c(1, 2, 3))
  expect_equal(as.array(op_subset(x, 2:3)), array(c(2, 3)))
  expect_identical(zip_lists(list(1, 2), list("a", "b")), list(list(1, "a"), list(2, "b")))
  expect_equal(as.integer(shape(layer_input(shape = 3))), c(NA, 3L))
  expect_identical(attr(custom_metric("mine", mean), "name"), "mine")
})

test_that("custom objects are known by name", {
  twice <- \(x) 2 * x
  expect_equal(with_custom_object_scope(list(twice = twice), get_registered_object("twice")(3)), 6)
  set_custom_objects(list(twice = twice))
  expect_equal(get_registered_object("twice")(3), 6)
  set_custom_objects()
  expect_null(get_registered_object("twice"))
})

test_that("small helpers of keras3 do what they did", {
  x <- op_reshape(1:6, c(1, 2, 3))
  expect_equal(as.array(x@r[all_dims(), 2]), as.array(x@r[.., 2]))
  expect_error(all_dims(), "subscript", class = "kerasbridge_error")
  a <- 1
  expect_identical(named_list(a, b = 2), list(a = 1, b = 2))
  expect_identical(named_list(), rlang::set_names(list()))
  expect_identical(c(1, 4) %>% sum(), 5)
})

test_that("%<-active% makes a property of a Python class, and an active binding elsewhere", {
  Account %py_class% {
    initialize <- function(self) self$cents <- 250
    euros %<-active% function(value) {
      if (missing(value)) self$cents / 100 else self$cents <- value * 100
    }
    twice %<-active% function(self) 2 * self$cents
  }
  account <- Account()
  expect_equal(account$euros, 2.5)
  account$euros <- 4
  expect_equal(account$cents, 400)
  expect_equal(account$twice, 800)
  count <- 0
  counted %<-active% function() count <<- count + 1
  expect_identical(c(counted, counted), c(1, 2))
  expect_identical(mark_active, active_property)
})
