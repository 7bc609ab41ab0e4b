"""What an assistant may ask of a folder of runs, and the server that it asks over the Model Context Protocol."""
