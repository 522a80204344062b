# A package in `library` that has the generics or classes of one that the tests do without.
fixture_package <- function(library, name, namespace, code) {
  folder <- file.path(withr::local_tempdir(), name)
  dir.create(file.path(folder, "R"), recursive = TRUE)
  writeLines(c(
    paste("Package:", name), "Version: 2.99.0", "Title: Generics of that Name",
    "Description: Has the generics of the package of this name.", "License: MIT",
    "Author: kerasbridge", "Maintainer: kerasbridge <developers@kerasbridge.invalid>"
  ), file.path(folder, "DESCRIPTION"))
  writeLines(namespace, file.path(folder, "NAMESPACE"))
  writeLines(code, file.path(folder, "R", "code.R"))
  utils::install.packages(
    folder, library, repos = NULL, type = "source", quiet = TRUE,
    INSTALL_opts = c("--no-docs", "--no-test-load", "--no-byte-compile")
  )
}
