package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func mkdirPacket(path string, mode uint32) []byte {
	body := []byte{typeMkdir, 0, 0, 0, 7}
	body = binary.BigEndian.AppendUint32(body, uint32(len(path)))
	body = append(body, path...)
	body = binary.BigEndian.AppendUint32(body, attributePermission)
	body = binary.BigEndian.AppendUint32(body, mode)
	return append(binary.BigEndian.AppendUint32(nil, uint32(len(body))), body...)
}

func TestDirectoriesGetTheModeThatWasAskedFor(t *testing.T) {
	path := filepath.Join(t.TempDir(), "private")
	other := []byte{0, 0, 0, 5, 1, 0, 0, 0, 3}
	seen, err := io.ReadAll(exactMkdir(bytes.NewReader(append(mkdirPacket(path, 0o40700), other...))))
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Fatal(info, err)
	}
	// A setstat of nothing instead, under the same number; what follows is untouched.
	if seen[4] != typeSetstat || !bytes.Equal(seen[5:9], []byte{0, 0, 0, 7}) || !bytes.HasSuffix(seen, other) || binary.BigEndian.Uint32(seen) != uint32(len(seen)-4-len(other)) {
		t.Fatalf("%x", seen)
	}
}

func TestWhatFailsIsLeftToTheServer(t *testing.T) {
	packet := mkdirPacket(filepath.Join(t.TempDir(), "missing", "x"), 0o700)
	seen, err := io.ReadAll(exactMkdir(bytes.NewReader(packet)))
	if err != nil || !bytes.Equal(seen, packet) {
		t.Fatalf("%x %v", seen, err)
	}
}

func TestGarbageEndsTheSession(t *testing.T) {
	for _, garbage := range [][]byte{{0xff, 0xff, 0xff, 0xff, 1}, {0, 0, 0, 0}, {0, 0, 0, 9, typeMkdir, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff}} {
		if seen, _ := io.ReadAll(exactMkdir(bytes.NewReader(garbage))); len(seen) > len(garbage) {
			t.Fatalf("%x", seen)
		}
	}
}

func TestStartTime(t *testing.T) {
	if got := startTimeOf("7 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4711 0"); got != "4711" {
		t.Fatal(got)
	}
	if got := startTimeOf("garbage"); got != "" {
		t.Fatal(got)
	}
}
