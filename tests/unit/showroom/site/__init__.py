"""The site: what it concludes, whom it believes, what it keeps."""
