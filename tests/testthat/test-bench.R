# The benchmarks run, with small sizes: their figures are not looked at here. Those that start many
# processes, or read large files, do so in `make test-scale`.

bench <- normalizePath(test_path("..", "..", "bench"), mustWork = FALSE)

if (dir.exists(bench) && config_backend() == "jax") {
  long <- c("data.R", "memory.R", "scale.R", "start.R")
  later <- c("measure.R", "table.R", if (!nzchar(Sys.getenv("KERASBRIDGE_BENCHES"))) long)
  for (script in setdiff(list.files(bench, pattern = "[.]R$"), later)) {
    test_that(paste("bench", script, "reports a ratio for every case"), {
      out <- withr::local_tempdir()
      processx::run(
        file.path(R.home("bin"), "Rscript"), file.path("bench", script),
        wd = dirname(bench),
        env = c("current", KERASBRIDGE_BENCH_SMALL = "1", KERASBRIDGE_BENCH_OUT = out)
      )
      rows <- utils::read.csv(list.files(out, full.names = TRUE))
      expect_type(rows$ratio, "double")
      expect_equal(sum(is.finite(rows$ratio)), nrow(rows))
    })
  }
}
