"""Commands about a project as a whole: making one, running it, looking at it."""
