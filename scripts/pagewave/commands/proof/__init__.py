"""Where a value comes from: that page, prompt and answer, link by link."""
