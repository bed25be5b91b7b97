print("mullama")
