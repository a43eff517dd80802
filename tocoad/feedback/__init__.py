"""What people said of production images: read, checked against the data set, recorded; and the page to say it on."""
