module forge.example/lab/pause

go 1.26.0
