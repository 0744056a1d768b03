// Fault room: what tests of clients want to go wrong, read from the file named by --fault-file.

package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"log"
	"os"
	"sync"
)

// fault is the content of the fault file: what the server shall do wrong, for tests of its clients.
type fault struct {
	RefusePassword bool `json:"refuse_password"`
	// CutReplyAfterInsert is how many inserts are done and then answered by a cut connection. The count begins anew
	// whenever the file's content changes.
	CutReplyAfterInsert int `json:"cut_reply_after_insert"`
}

type faults struct {
	path    string
	mutex   sync.Mutex
	content []byte
	played  fault
	cutLeft int
}

func newFaults(path string) *faults { return &faults{path: path} }

// now reads the file again. No file, or no --fault-file, is no fault; a file that does not parse changes nothing.
func (faults *faults) now() fault {
	if faults.path == "" {
		return fault{}
	}
	content, err := os.ReadFile(faults.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		log.Printf("fault file: %v", err)
	}
	faults.mutex.Lock()
	defer faults.mutex.Unlock()
	if bytes.Equal(content, faults.content) {
		return faults.played
	}
	var read fault
	if len(bytes.TrimSpace(content)) > 0 {
		if err := json.Unmarshal(content, &read); err != nil {
			log.Printf("fault file %s does not parse and is passed over: %v", faults.path, err)
			return faults.played
		}
	}
	faults.content, faults.played, faults.cutLeft = content, read, read.CutReplyAfterInsert
	return read
}

func (faults *faults) cutsThisReply() bool {
	faults.mutex.Lock()
	defer faults.mutex.Unlock()
	if faults.cutLeft <= 0 {
		return false
	}
	faults.cutLeft--
	return true
}
