# Two hosts: network namespaces of this machine with addresses of their own, which ssh reaches.

# Two namespaces that are there until `env` ends, each with a server of ssh. Gives the addresses,
# the command that reaches them, the second one's link, and what runs a command in the first.
two_hosts <- function(env = parent.frame()) {
  sshd <- Sys.which("sshd")
  as_root <- .Platform$OS.type == "unix" && identical(unname(Sys.info()["effective_user"]), "root")
  skip_if_not(
    as_root && all(nzchar(c(sshd, Sys.which(c("ip", "ssh", "ssh-keygen"))))),
    "two hosts on one machine need root, iproute2, openssh-client and openssh-server"
  )
  folder <- withr::local_tempdir(.local_envir = env)
  ip <- function(...) processx::run("ip", c(...), error_on_status = FALSE)
  names <- paste0("kb", Sys.getpid(), c("a", "b"))
  addresses <- c("10.231.7.1", "10.231.7.2")
  skip_if(ip("netns", "add", names[[1L]])$status != 0L, "no network namespaces here")
  ip("netns", "add", names[[2L]])
  withr::defer(for (name in names) ip("netns", "del", name), env)
  ip("link", "add", names[[1L]], "type", "veth", "peer", "name", names[[2L]])
  dir.create("/run/sshd", showWarnings = FALSE)
  processx::run("ssh-keygen", c("-q", "-t", "ed25519", "-N", "", "-f", file.path(folder, "key")))
  config <- file.path(folder, "sshd_config")
  writeLines(c(
    "Port 2222", paste("HostKey", file.path(folder, "key")), "UsePAM no", "StrictModes no",
    "PermitRootLogin prohibit-password", "PidFile none",
    "ClientAliveInterval 1", "ClientAliveCountMax 2", # its sessions end with a link that is gone
    paste("AuthorizedKeysFile", file.path(folder, "key.pub"))
  ), config)
  servers <- list()
  for (i in 1:2) {
    ip("link", "set", names[[i]], "netns", names[[i]])
    inside <- function(...) ip("netns", "exec", names[[i]], "ip", ...)
    inside("addr", "add", paste0(addresses[[i]], "/24"), "dev", names[[i]])
    inside("link", "set", names[[i]], "up")
    inside("link", "set", "lo", "up")
    # the host's own name is an address that the other one reaches
    own <- file.path("/etc/netns", names[[i]])
    dir.create(own, recursive = TRUE)
    withr::defer(unlink(own, recursive = TRUE), env)
    writeLines(
      c("127.0.0.1 localhost", paste(addresses[[i]], Sys.info()[["nodename"]])),
      file.path(own, "hosts")
    )
    servers[[i]] <- processx::process$new(
      "ip", c("netns", "exec", names[[i]], sshd, "-D", "-e", "-f", config),
      stderr = file.path(folder, "sshd"), cleanup_tree = TRUE
    )
  }
  # a namespace goes when nothing runs in it any more
  withr::defer(for (server in servers) {
    server$kill_tree()
    server$wait(5000)
  }, env)
  options <- c(
    "BatchMode=yes", "StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR",
    "ConnectionAttempts=10", "ServerAliveInterval=1", "ServerAliveCountMax=2"
  )
  list(
    addresses = addresses, link = names[[2L]],
    ssh = c("ssh", "-p", "2222", "-i", file.path(folder, "key"), rbind("-o", options)),
    first = c("netns", "exec", names[[1L]])
  )
}

test_that("processes on two hosts compute what one computes", {
  # ssh knows nothing of backends: one is enough, the quickest
  if (config_backend() != Sys.getenv("KERASBRIDGE_HOSTS_BACKEND", "torch")) {
    return(expect_refused(launch(1, hosts = "a", processes = 0, backend = "jax"), "processes"))
  }
  hosts <- two_hosts()
  folder <- withr::local_tempdir()
  args <- list(flowers, iris$Species, bare(\() distribution_data_parallel()))
  env <- c(
    R_LIBS = paste(.libPaths(), collapse = ":"), RETICULATE_PYTHON = Sys.getenv("RETICULATE_PYTHON")
  )
  saveRDS(list(
    what = train_once, args = args, hosts = hosts, env = env
  ), file.path(folder, "task.rds"))
  # the session that launches is on the first host
  script <- withr::local_tempfile(fileext = ".R", lines = c(
    "task <- readRDS('task.rds')",
    "where <- list(hosts = task$hosts$addresses, ssh = task$hosts$ssh, env = task$env)",
    "common <- c(where, processes = 2, output = 'none', timeout = 300)",
    "launch <- kerasbridge::launch",
    "value <- do.call(launch, c(task$what, task$args, common))",
    "failed <- tryCatch(do.call(launch, c(function() {",
    "  if (Sys.getenv('KERAS_DISTRIBUTION_PROCESS_ID') == '1') stop('not on this host')",
    "  Sys.sleep(100)",
    "}, common)), error = identity)",
    "told <- c(conditionMessage(failed), conditionMessage(failed$parent))",
    # a host that is gone: what runs there can tell nobody
    "lost <- tryCatch(do.call(launch, c(function(link) {",
    "  if (Sys.getenv('KERAS_DISTRIBUTION_PROCESS_ID') == '1') {",
    "    system2('ip', c('link', 'set', link, 'down'))",
    "    quit('no', 1L, FALSE)",
    "  }",
    "  Sys.sleep(100)",
    "}, list(task$hosts$link), common)), error = identity)",
    "saveRDS(list(value = value, told = told, lost = lost[c('message', 'rank')]), 'value.rds')"
  ))
  ended <- processx::run(
    "ip", c(hosts$first, file.path(R.home("bin"), "Rscript"), script),
    wd = folder, env = c("current", env, KERAS_BACKEND = config_backend()),
    stderr_to_stdout = TRUE, error_on_status = FALSE, timeout = 400
  )
  expect_identical(ended$status, 0L, info = ended$stdout)
  got <- readRDS(file.path(folder, "value.rds"))
  # sums over processes are rounded in another order
  expect_equal(got$value, alone(train_once, args), tolerance = 1e-5)
  expect_match(got$told[[1L]], "Process 2 of 2 failed.", fixed = TRUE)
  expect_identical(got$told[[2L]], "not on this host")
  expect_match(got$lost$message, "Process 2 of 2 ended with status 255", fixed = TRUE)
  expect_identical(got$lost$rank, 2L)
  expect_identical(children(), 0L)
  # nor is anything left of what was sent
  expect_length(list.files(tempdir(), "kerasbridge-launch-", recursive = TRUE), 0L)
})
