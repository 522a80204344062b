# Builds the site with pkgdown, whose examples are run elsewhere. What it would ask the network for
# while it links names of other packages, it is told: that CRAN has none.
library(kerasbridge) # help pages ask whether their examples could be run
options(pkgdown.internet = FALSE)
local({
  linking <- asNamespace("downlit")
  unlockBinding("CRAN_urls", linking)
  assign("CRAN_urls", function() data.frame(Package = character(), URL = character()), linking)
})
pkgdown::build_site(
  override = list(destination = commandArgs(TRUE)),
  examples = FALSE, preview = FALSE, new_process = FALSE, install = FALSE
)
