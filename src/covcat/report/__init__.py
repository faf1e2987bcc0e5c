"""What is here, to be looked at: pages for a browser, with no request to anywhere."""
