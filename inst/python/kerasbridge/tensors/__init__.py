"""Values on their way in and out: dtypes, layout, shapes, subscripts, operators."""
