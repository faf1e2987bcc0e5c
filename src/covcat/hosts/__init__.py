HOSTS = {"github": 1, "web": 1, "bundled": 1}
