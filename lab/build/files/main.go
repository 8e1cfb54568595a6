// files serves one folder over HTTP and logs each request to stderr:
// the lab's apt repositories and artifacts.
package main

import (
	"flag"
	"log"
	"net/http"
	"time"
)

func main() {
	address := flag.String("address", "", "address and port to listen on")
	root := flag.String("root", "", "folder to serve")
	flag.Parse()
	if *address == "" || *root == "" {
		log.Fatal("both --address and --root are needed")
	}
	folder := http.FileServer(http.Dir(*root))
	server := &http.Server{
		Addr:              *address,
		ReadHeaderTimeout: 10 * time.Second,
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			log.Print(r.RemoteAddr, " ", r.Method, " ", r.URL.Path)
			folder.ServeHTTP(w, r)
		}),
	}
	log.Fatal(server.ListenAndServe())
}
