# Each platform's branch, also of those that this one is not.

test_that("a backend's packages are those of the platform", {
  cases <- read.table(header = TRUE, text = "
    platform       backend    gpu    packages
    Linux-x86_64   tensorflow FALSE  tensorflow-cpu>=2.16.1
    Linux-x86_64   tensorflow TRUE   tensorflow[and-cuda]>=2.16.1
    Linux-aarch64  tensorflow FALSE  tensorflow>=2.16.1
    Linux-aarch64  jax        TRUE   jax[cuda12]>=0.4.20
    Linux-x86_64   jax        TRUE   jax[cuda12]>=0.4.20
    Linux-x86_64   jax        FALSE  jax>=0.4.20
    Darwin-arm64   tensorflow FALSE  tensorflow>=2.16.1
    Darwin-arm64   tensorflow TRUE   tensorflow>=2.16.1,tensorflow-metal
    Darwin-arm64   jax        TRUE   jax>=0.4.20
    Darwin-x86_64  torch      TRUE   torch>=2.1.0
    Windows-x86-64 tensorflow FALSE  tensorflow>=2.16.1
    Windows-x86-64 jax        TRUE   jax>=0.4.20
    Windows-x86-64 numpy      FALSE  numpy
  ")
  for (i in seq_len(nrow(cases))) {
    case <- cases[i, ]
    found <- backend_requirements(case$backend, case$gpu, case$platform)
    expect_identical(
      setdiff(found, c("keras>=3.12", if (case$backend != "numpy") "numpy")),
      strsplit(case$packages, ",")[[1L]]
    )
  }
  info <- c(sysname = "Darwin", machine = "arm64")
  expect_identical(platform_name(info), "Darwin-arm64")
})

test_that("a driver is looked for where a GPU needs one", {
  withr::local_envvar(PATH = withr::local_tempdir()) # no nvidia-smi
  expect_true(without_driver(list(gpu = TRUE), "Linux-x86_64"))
  expect_true(without_driver(list(gpu = TRUE), "Windows-x86-64"))
  expect_false(without_driver(list(gpu = TRUE), "Darwin-arm64"))
  expect_false(without_driver(list(gpu = NA), "Linux-x86_64"))
})

test_that("a process is asked for where that does not end it", {
  expect_true(is_running(Sys.getpid(), "unix"))
  expect_identical(is_running(Sys.getpid(), "windows"), NA)
  process <- callr::r_bg(\() NULL)
  process$wait()
  gone <- process$get_pid()
  expect_false(is_running(gone, "unix"))
  folder <- withr::local_tempdir()
  expect_true(is_wanted(Sys.getpid(), folder, "unix"))
  expect_true(is_wanted(gone, folder, "windows")) # its folder is there
  expect_false(is_wanted(gone, folder, "unix"))
  expect_false(dir.exists(folder))
  expect_false(is_wanted(gone, folder, "windows"))
})

test_that("processes share files in memory, or else where the session has its own", {
  folder <- withr::local_tempdir()
  expect_identical(shared_folder(folder), folder)
  expect_identical(shared_folder(file.path(folder, "none")), tempdir())
})
