module example.com/shop

require example.com/riot v0.10.0
