module example.com/targets-old

go 1.11
