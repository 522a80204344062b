# Builds the site with pkgdown, whose examples are run elsewhere. What it would ask the network for
# while it links names of other packages, it is told: that CRAN has none.
library(kerasbridge) # help pages ask whether their examples could be run
options(pkgdown.internet = FALSE)
local({
  linking <- asNamespace("downlit")
  unlockBinding("CRAN_urls", linking)
  assign("CRAN_urls", function() data.frame(Package = character(), URL = character()), linking)
})

# In a function: articles make variables in the global environment.
build <- function(destination) {
  site <- pkgdown::as_pkgdown(".", override = list(destination = destination))
  pkgdown::init_site(site)
  pkgdown::build_home(site, preview = FALSE)
  pkgdown::build_reference(site, examples = FALSE, preview = FALSE)
  # In this process, as tools/vignettes does it: each of its own would start Keras again.
  pkgdown::build_articles_index(site)
  for (name in site$vignettes$name) {
    kept <- options()
    pkgdown::build_article(name, site, new_process = FALSE)
    options(kept)
  }
  pkgdown::build_news(site, preview = FALSE)
  pkgdown::build_redirects(site)
  pkgdown::build_search(site)

  # What the README shows and refers to beside the vignettes.
  documents <- file.path(destination, "docs")
  dir.create(documents)
  file.copy(file.path("docs", "images"), documents, recursive = TRUE)
  for (file in list.files("docs", "[.]md$")) {
    page <- sub("md$", "html", file)
    converted <- tempfile(fileext = ".html")
    rmarkdown::pandoc_convert(
      file.path(getwd(), "docs", file), to = "html5", from = "gfm", output = converted
    )
    lines <- readLines(converted)
    heading <- grep("<h1", lines)[[1L]]
    pkgdown::render_page(
      site, "title-body", depth = 1L, path = file.path("docs", page),
      data = list(
        pagetitle = gsub("<[^>]*>", "", lines[[heading]]),
        body = paste(gsub('[.]md(["#])', ".html\\1", lines[-heading]), collapse = "\n")
      )
    )
  }

  # Links of a checkout, where they lead on the site.
  pages <- c(
    file.path(destination, c("index.html", "CONTRIBUTING.html")),
    list.files(documents, "[.]html$", full.names = TRUE)
  )
  for (page in pages) {
    lines <- readLines(page)
    lines <- gsub("vignettes/(articles/)?([a-z0-9-]+)[.]Rmd", "articles/\\2.html", lines)
    lines <- gsub('"((?:[.][.]/)*)NEWS[.]html"', '"\\1news/index.html"', lines, perl = TRUE)
    writeLines(lines, page)
  }
}
build(commandArgs(TRUE))
