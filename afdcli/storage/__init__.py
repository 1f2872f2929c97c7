"""Files, folders of parts and URLs by one kind of path; text as tables can hold it."""
