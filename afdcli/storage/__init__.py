"""Local files, folders of parts and URLs behind one path type; text made safe for tables."""
