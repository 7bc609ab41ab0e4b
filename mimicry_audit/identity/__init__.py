"""Who does a model say it is, and who is it by its name?"""
