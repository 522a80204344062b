# A model as a drawing: the graph of its layers, from the inputs down.

#' @rdname summary.keras.src.models.model.Model
#' @export
plot.keras.src.models.model.Model <- function(x, ..., to_file = NULL) {
  if (!is.null(to_file)) {
    plot_model(x, to_file = to_file, ...)
    return(invisible(x))
  }
  layers <- summary(x)$layers
  if (!NROW(layers)) abort_argument("{.arg x} has no layers to draw.", current_env())
  drawing <- placed(layers)
  boxes <- drawing$boxes
  # Before the plot, for whose own margins a small device has no room.
  margins <- graphics::par(mar = rep(0.2, 4L))
  on.exit(graphics::par(margins))
  graphics::plot.new()
  graphics::plot.window(c(0, 1), c(max(boxes$bottom) + 0.5, 0.5), xaxs = "i", yaxs = "i")
  # What is inside is drawn after what it is in.
  holds <- boxes$bottom > boxes$level
  graphics::rect(
    boxes$x - boxes$half, boxes$level - 0.3,
    boxes$x + boxes$half, boxes$bottom + ifelse(holds, 0.4, 0.3),
    col = ifelse(holds, "grey93", "white")
  )
  for (edge in drawing$edges) {
    turns <- nrow(edge)
    graphics::lines(edge[-turns, "x"], edge[-turns, "level"])
    last <- edge[turns - 1:0, ]
    graphics::arrows(last[1L, "x"], last[1L, "level"], last[2L, "x"], last[2L, "level"],
      length = 0.06
    )
  }
  shown <- paste0(boxes$name, " (", boxes$type, ")\n", boxes$shape, " ", boxes$dtype)
  fits <- min(
    1, 1.9 * boxes$half / graphics::strwidth(shown), 0.55 / abs(graphics::strheight(shown))
  )
  graphics::text(boxes$x, boxes$level, shown, cex = max(0.3, 0.95 * fits))
  invisible(x)
}

# Where layers are drawn, on a width of 1. `boxes` has for each its middle `x`, `half` its width,
# its `level`, and `bottom`, the level of the last of its own layers; `edges` for each connection
# the points that it leads through.
placed <- function(layers) {
  own <- which(layers$depth == min(layers$depth))
  ends <- c(own[-1L] - 1L, nrow(layers))
  within <- lapply(seq_along(own), \(i) {
    if (ends[[i]] > own[[i]]) placed(layers[(own[[i]] + 1L):ends[[i]], ])
  })
  boxes <- in_lanes(layers[own, ], vapply(within, \(part) max(0, part$boxes$bottom), 0))
  edges <- edges_of(boxes)
  parts <- list()
  for (i in seq_along(own)) {
    box <- boxes[i, ]
    parts <- c(parts, list(box[names(box) != "lane"]))
    part <- within[[i]]
    if (is.null(part)) next
    across <- \(x) box$x + (2 * x - 1) * 0.96 * box$half
    part$boxes$x <- across(part$boxes$x)
    part$boxes$half <- part$boxes$half * 2 * 0.96 * box$half
    part$boxes[c("level", "bottom")] <- part$boxes[c("level", "bottom")] + box$level
    parts <- c(parts, list(part$boxes))
    edges <- c(edges, lapply(part$edges, \(edge) {
      cbind(x = across(edge[, "x"]), level = edge[, "level"] + box$level)
    }))
  }
  list(boxes = do.call(rbind, parts), edges = edges)
}

# Each layer on the level below all those whose output it takes, in the lane of one of them where
# it can be. `heights` are the levels that the layers of a layer take.
in_lanes <- function(layers, heights) {
  parents <- lapply(layers$after, \(after) match(after, layers$name))
  level <- numeric(nrow(layers))
  for (i in seq_along(level)) {
    level[[i]] <- 1 + max(0, (level + heights)[parents[[i]]])
  }
  bottom <- level + heights
  lane <- rep(NA_integer_, length(level))
  for (i in order(level)) {
    from <- min(level[[i]], bottom[parents[[i]]] + 1)
    is_taken <- \(one) any(lane %in% one & level <= bottom[[i]] & bottom >= from)
    lanes <- c(lane[parents[[i]]], seq_len(max(0L, lane, na.rm = TRUE) + 1L))
    lane[[i]] <- Find(Negate(is_taken), lanes)
  }
  layers[c("level", "bottom", "lane")] <- list(level, bottom, lane)
  layers$x <- (lane - 0.5) / max(lane)
  layers$half <- min(0.3, 0.47 / max(lane))
  layers
}

# The connections between layers of one model: down the lane of the layer that gives, if no other
# is in the way, and else of the one that takes.
edges_of <- function(boxes) {
  edges <- list()
  for (i in seq_len(nrow(boxes))) {
    for (from in match(boxes$after[[i]], boxes$name)) {
      start <- boxes$bottom[[from]] + 0.3
      end <- boxes$level[[i]] - 0.3
      between <- boxes$lane == boxes$lane[[from]] & boxes$level < end & boxes$bottom > start
      turn <- if (any(between)) c(boxes$x[[i]], start + 0.4) else c(boxes$x[[from]], end - 0.4)
      points <- rbind(c(boxes$x[[from]], start), turn, c(boxes$x[[i]], end))
      edges <- c(edges, list(matrix(points, 3L, dimnames = list(NULL, c("x", "level")))))
    }
  }
  edges
}
