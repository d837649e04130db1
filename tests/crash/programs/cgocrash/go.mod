module example.com/cgocrash
