module example.com/riot
