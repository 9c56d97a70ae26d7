package main

import (
	"archive/tar"
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// The subsystem "copy": one line of JSON asks, the answer is a stream of frames, each a line of JSON and then, unless it tells an error,
// a tar archive of the whole root. Followed roots are sent again whenever the kubelet has swapped their content.

type copyRequest struct {
	Roots []copyRoot `json:"roots"`
}

type copyRoot struct {
	Path   string `json:"path"`
	Follow bool   `json:"follow"`
}

type frame struct {
	Root    string `json:"root"`
	Entries int    `json:"entries"`
	Bytes   int64  `json:"bytes"`
	Error   string `json:"error,omitempty"`
}

const (
	// The kubelet's atomic writer: `..data` leads to a dated directory, everything else at the top leads through it.
	swapped = "..data"
	// As often as a snapshot is tried again when it was swapped meanwhile; swaps are seconds apart.
	mostSnapshots = 5
	// Beside inotify, for file systems that send no events.
	lookInterval = 5 * time.Second
)

func serveCopies() error {
	line, err := bufio.NewReader(os.Stdin).ReadBytes('\n')
	if err != nil {
		return err
	}
	var request copyRequest
	if err := json.Unmarshal(line, &request); err != nil {
		return err
	}
	output := &frames{writer: bufio.NewWriterSize(os.Stdout, 256<<10)}
	// Whoever hangs up ends this process.
	go func() {
		io.Copy(io.Discard, os.Stdin)
		os.Exit(0)
	}()
	var following sync.WaitGroup
	for _, root := range request.Roots {
		version, err := output.send(root.Path)
		if err != nil {
			return err
		}
		if root.Follow && version != "" {
			following.Add(1)
			go func() {
				defer following.Done()
				output.follow(root.Path, version)
			}()
		}
	}
	following.Wait()
	return nil
}

type frames struct {
	mu     sync.Mutex
	writer *bufio.Writer
}

// send writes one frame; the version is where `..data` led. Errors are those of the connection: what cannot be read is told in the frame.
func (f *frames) send(root string) (version string, err error) {
	if target, err := os.Readlink(filepath.Join(root, swapped)); err == nil {
		content, entries, size, version, err := snapshot(root, target)
		if err != nil {
			return target, f.fail(root, err)
		}
		f.mu.Lock()
		defer f.mu.Unlock()
		if err := f.header(frame{Root: root, Entries: entries, Bytes: size}); err != nil {
			return version, err
		}
		if _, err := f.writer.Write(content); err != nil {
			return version, err
		}
		return version, f.writer.Flush()
	}
	entries, size, err := measure(root)
	if err != nil {
		return "", f.fail(root, err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.header(frame{Root: root, Entries: entries, Bytes: size}); err != nil {
		return "", err
	}
	if err := archive(f.writer, root); err != nil {
		return "", err
	}
	return "", f.writer.Flush()
}

func (f *frames) header(one frame) error {
	line, _ := json.Marshal(one)
	_, err := f.writer.Write(append(line, '\n'))
	return err
}

func (f *frames) fail(root string, cause error) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := f.header(frame{Root: root, Error: cause.Error()}); err != nil {
		return err
	}
	return f.writer.Flush()
}

// snapshot is small (the kubelet's volumes hold at most a few megabytes), so it is made in memory and thrown away if it was not all of one version.
func snapshot(root, version string) (content []byte, entries int, size int64, seen string, err error) {
	for attempt := 0; attempt < mostSnapshots; attempt++ {
		entries, size, err = measure(filepath.Join(root, version))
		var buffer bytes.Buffer
		if err == nil {
			err = archiveSwapped(&buffer, root, version)
		}
		after, linkErr := os.Readlink(filepath.Join(root, swapped))
		if linkErr != nil {
			return nil, 0, 0, version, linkErr
		}
		if err == nil && after == version {
			return buffer.Bytes(), entries, size, version, nil
		}
		version = after
		time.Sleep(10 * time.Millisecond)
	}
	if err == nil {
		err = errors.New("it changes all the time")
	}
	return nil, 0, 0, version, err
}

func (f *frames) follow(root, version string) {
	events := make(chan struct{}, 1)
	go watch(root, events)
	for {
		select {
		case <-events:
		case <-time.After(lookInterval):
		}
		now, err := os.Readlink(filepath.Join(root, swapped))
		if err != nil || now == version {
			continue
		}
		version, err = f.send(root)
		if err != nil {
			os.Exit(1) // the connection is gone
		}
	}
}

func watch(directory string, events chan<- struct{}) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC)
	if err != nil {
		return
	}
	if _, err := unix.InotifyAddWatch(fd, directory, unix.IN_MOVED_TO|unix.IN_CREATE); err != nil {
		return
	}
	buffer := make([]byte, 64<<10)
	for {
		if _, err := unix.Read(fd, buffer); err != nil && err != unix.EINTR {
			return
		}
		select {
		case events <- struct{}{}:
		default:
		}
	}
}

func measure(root string) (entries int, size int64, err error) {
	if _, err := os.Lstat(root); err != nil {
		return 0, 0, err
	}
	err = walk(root, func(_, _ string, info fs.FileInfo) error {
		entries++
		if info.Mode().IsRegular() {
			size += info.Size()
		}
		return nil
	})
	return entries, size, err
}

// walk visits what a copy holds: directories, files and symlinks, in lexical order, the root as ".". What vanishes meanwhile is left out.
func walk(root string, visit func(path, name string, info fs.FileInfo) error) error {
	return filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			// A directory that may not be read is visited as an empty one.
			if entry != nil && entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return nil
		}
		if kind := info.Mode().Type(); kind != 0 && kind != fs.ModeDir && kind != fs.ModeSymlink {
			return nil
		}
		name, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		return visit(path, name, info)
	})
}

func archive(output io.Writer, root string) error {
	writer := tar.NewWriter(output)
	if err := addTree(writer, root, "."); err != nil {
		return err
	}
	return writer.Close()
}

// archiveSwapped holds one version of a volume of the kubelet's: its dated directory, `..data`, and a link for each name in it. Those links it makes
// itself: the kubelet adds and removes them, and the directory of the version before, a moment after the swap.
func archiveSwapped(output io.Writer, root, version string) error {
	writer := tar.NewWriter(output)
	top, err := os.Lstat(root)
	if err != nil {
		return err
	}
	header, err := tar.FileInfoHeader(top, "")
	if err != nil {
		return err
	}
	header.Name, header.Uname, header.Gname = ".", "", ""
	if err := writer.WriteHeader(header); err != nil {
		return err
	}
	if err := addTree(writer, filepath.Join(root, version), version); err != nil {
		return err
	}
	names, err := os.ReadDir(filepath.Join(root, version))
	if err != nil {
		return err
	}
	info, err := os.Lstat(filepath.Join(root, swapped))
	if err != nil {
		return err
	}
	link := func(name, target string) error {
		header, err := tar.FileInfoHeader(info, target)
		if err != nil {
			return err
		}
		header.Name, header.Uname, header.Gname = name, "", ""
		return writer.WriteHeader(header)
	}
	if err := link(swapped, version); err != nil {
		return err
	}
	for _, name := range names {
		if err := link(name.Name(), swapped+"/"+name.Name()); err != nil {
			return err
		}
	}
	return writer.Close()
}

// addTree adds what lies at root under the name top.
func addTree(writer *tar.Writer, root, top string) error {
	return walk(root, func(path, name string, info fs.FileInfo) error {
		link := ""
		if info.Mode()&fs.ModeSymlink != 0 {
			var err error
			if link, err = os.Readlink(path); err != nil {
				return nil
			}
		}
		header, err := tar.FileInfoHeader(info, link)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		header.Name, header.Uname, header.Gname = filepath.Join(top, name), "", ""
		if !info.Mode().IsRegular() {
			return writer.WriteHeader(header)
		}
		file, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
		if err != nil {
			// What the container's process may not read is there with its owner and mode, and without content.
			header.Size = 0
			return writer.WriteHeader(header)
		}
		defer file.Close()
		if err := writer.WriteHeader(header); err != nil {
			return err
		}
		written, err := io.Copy(writer, io.LimitReader(file, header.Size))
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		// It has become shorter meanwhile.
		_, err = io.CopyN(writer, zeros{}, header.Size-written)
		return err
	})
}

type zeros struct{}

func (zeros) Read(data []byte) (int, error) {
	clear(data)
	return len(data), nil
}
