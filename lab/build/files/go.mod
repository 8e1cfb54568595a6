module forge.example/lab/files

go 1.26.0
