package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"sort"
	"strings"
	"testing"
)

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
		t.Fatal(err)
	}
}

func link(t *testing.T, target, path string) {
	t.Helper()
	os.Remove(path)
	if err := os.Symlink(target, path); err != nil {
		t.Fatal(err)
	}
}

// kubeletVolume is as the kubelet's atomic writer makes it; each name is also its content.
func kubeletVolume(t *testing.T, root, version string, names ...string) {
	t.Helper()
	for _, name := range names {
		write(t, filepath.Join(root, version, name), version+" "+name)
		link(t, filepath.Join(swapped, name), filepath.Join(root, name))
	}
	link(t, version, filepath.Join(root, swapped))
}

func content(t *testing.T, root string) string {
	t.Helper()
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, entry := range entries {
		path := filepath.Join(root, entry.Name())
		if text, err := os.ReadFile(path); err == nil {
			lines = append(lines, entry.Name()+"="+string(text))
		} else {
			lines = append(lines, entry.Name())
		}
	}
	sort.Strings(lines)
	return strings.Join(lines, "; ")
}

// copyOnce sends root and receives it at place.
func copyOnce(t *testing.T, root, target string) {
	t.Helper()
	var stream bytes.Buffer
	output := &frames{writer: bufio.NewWriter(&stream)}
	if _, err := output.send(root); err != nil {
		t.Fatal(err)
	}
	told := 0
	err := receive(&stream, t.TempDir(), map[string]place{root: {target}}, func(int64, frame) {}, func(_ string, err error) {
		told++
		if err != nil {
			t.Fatal(err)
		}
	})
	if !errors.Is(err, io.EOF) || told != 1 {
		t.Fatalf("%v, told %d times", err, told)
	}
}

func TestSwapArrivesWhole(t *testing.T) {
	root, target := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	kubeletVolume(t, root, "..1", "a", "b")
	copyOnce(t, root, target)
	if got := content(t, target); got != "..1; ..data; a=..1 a; b=..1 b" {
		t.Fatal(got)
	}
	// The moment after the swap: the new name has no link yet, the old version and the link of a name that has gone are still there.
	write(t, filepath.Join(root, "..2", "a"), "..2 a")
	write(t, filepath.Join(root, "..2", "c"), "..2 c")
	link(t, "..2", filepath.Join(root, swapped))
	copyOnce(t, root, target)
	if got := content(t, target); got != "..2; ..data; a=..2 a; c=..2 c" {
		t.Fatal(got)
	}
}

func TestPlainTree(t *testing.T) {
	root, target := t.TempDir(), filepath.Join(t.TempDir(), "copy")
	write(t, filepath.Join(root, "below", "file"), "content")
	link(t, "/etc/passwd", filepath.Join(root, "absolute"))
	if err := os.Chmod(filepath.Join(root, "below"), 0o500); err != nil {
		t.Fatal(err)
	}
	copyOnce(t, root, target)
	info, err := os.Stat(filepath.Join(target, "below"))
	if err != nil || info.Mode().Perm() != 0o500 {
		t.Fatal(info, err)
	}
	if leads, _ := os.Readlink(filepath.Join(target, "absolute")); leads != "/etc/passwd" {
		t.Fatal(leads)
	}
}

func TestSingleFileStays(t *testing.T) {
	file, target := filepath.Join(t.TempDir(), "f"), filepath.Join(t.TempDir(), "copy")
	write(t, file, "first")
	copyOnce(t, file, target)
	write(t, file, "second")
	copyOnce(t, file, target)
	if text, _ := os.ReadFile(target); string(text) != "first" {
		t.Fatal(string(text))
	}
}

func TestWhatCannotBeReadIsTold(t *testing.T) {
	var stream bytes.Buffer
	output := &frames{writer: bufio.NewWriter(&stream)}
	if _, err := output.send("/no/such/root"); err != nil {
		t.Fatal(err)
	}
	var head frame
	if err := json.Unmarshal(stream.Bytes(), &head); err != nil || head.Error == "" {
		t.Fatal(head, err)
	}
}

func TestArchivesStayInside(t *testing.T) {
	for _, entries := range [][]tar.Header{
		{{Name: "../../out", Typeflag: tar.TypeReg, Mode: 0o600}},
		{{Name: ".", Typeflag: tar.TypeDir, Mode: 0o700}, {Name: "l", Typeflag: tar.TypeSymlink, Linkname: "/tmp"}, {Name: "l/out", Typeflag: tar.TypeReg, Mode: 0o600}},
	} {
		var stream bytes.Buffer
		writer := tar.NewWriter(&stream)
		for _, header := range entries {
			header.Uid, header.Gid = os.Getuid(), os.Getgid()
			if err := writer.WriteHeader(&header); err != nil {
				t.Fatal(err)
			}
		}
		writer.Close()
		if err := unpack(tar.NewReader(&stream), t.TempDir(), func(int64) {}); err == nil {
			t.Fatal("unpacked ", entries)
		}
	}
}
