# What differs from one platform to another, and how this one does it.

# As the table of backends names it: "Linux-x86_64", "Darwin-arm64".
platform_name <- function(info = Sys.info()) paste(info[["sysname"]], info[["machine"]], sep = "-")

# macOS's GPU is its own, without a driver to look for.
has_own_gpu <- function(platform = platform_name()) startsWith(platform, "Darwin-")

# Is there a process of that number? Where asking would end it, nothing is known.
is_running <- function(process, os = .Platform$OS.type) {
  if (os == "unix") tools::pskill(process, 0L) else NA
}

# Where processes of this machine share files without a disk: Linux has a folder in memory.
shared_folder <- function(memory = "/dev/shm") {
  usable <- dir.exists(memory) && file.access(memory, 2L) == 0L
  if (usable) memory else tempdir()
}
