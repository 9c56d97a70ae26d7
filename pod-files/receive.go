package main

import (
	"archive/tar"
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// place is where a root of the pod goes here.
type place struct {
	// Directory, or file when the root is one.
	path string
}

// receive reads frames until the stream ends. done is called after each frame, with its error if the agent could not read the root.
func receive(stream io.Reader, stages string, places map[string]place, count func(bytes int64, of frame), done func(root string, err error)) error {
	reader := bufio.NewReaderSize(stream, 256<<10)
	for {
		line, err := reader.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return io.EOF
		}
		if err != nil {
			return err
		}
		var head frame
		if err := json.Unmarshal(line, &head); err != nil {
			return err
		}
		if head.Error != "" {
			done(head.Root, errors.New(head.Error))
			continue
		}
		where, wanted := places[head.Root]
		if !wanted {
			return fmt.Errorf("the agent sends %s, which nobody asked for", head.Root)
		}
		stage, err := os.MkdirTemp(stages, "in-")
		if err != nil {
			return err
		}
		err = unpack(tar.NewReader(reader), stage, func(bytes int64) { count(bytes, head) })
		if err == nil {
			err = settle(stage, where.path)
		}
		os.RemoveAll(stage)
		if err != nil {
			return fmt.Errorf("%s: %w", head.Root, err)
		}
		done(head.Root, nil)
	}
}

// rootName is what a root itself is called in a stage.
const rootName = "root"

// unpack writes an archive below stage/root. os.Root keeps every name inside, whatever links the archive holds.
func unpack(archive *tar.Reader, stage string, count func(bytes int64)) error {
	inside, err := os.OpenRoot(stage)
	if err != nil {
		return err
	}
	defer inside.Close()
	var directories []*tar.Header
	for {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		header.Name = filepath.Join(rootName, header.Name)
		switch header.Typeflag {
		case tar.TypeDir:
			if err := inside.Mkdir(header.Name, 0o700); err != nil {
				return err
			}
			directories = append(directories, header)
		case tar.TypeReg:
			file, err := inside.OpenFile(header.Name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
			if err != nil {
				return err
			}
			_, err = io.Copy(file, &counting{archive, count})
			if closeErr := file.Close(); err == nil {
				err = closeErr
			}
			if err != nil {
				return err
			}
			if err := dress(inside, header); err != nil {
				return err
			}
		case tar.TypeSymlink:
			if err := inside.Symlink(header.Linkname, header.Name); err != nil {
				return err
			}
			if err := inside.Lchown(header.Name, header.Uid, header.Gid); err != nil {
				return err
			}
		}
	}
	// Inner ones first: an outer one may become unwritable.
	for i := len(directories) - 1; i >= 0; i-- {
		if err := dress(inside, directories[i]); err != nil {
			return err
		}
	}
	return nil
}

// dress gives owner, mode and time; in this order, because a change of the owner takes set-id bits away.
func dress(inside *os.Root, header *tar.Header) error {
	if err := inside.Lchown(header.Name, header.Uid, header.Gid); err != nil {
		return err
	}
	if err := inside.Chmod(header.Name, header.FileInfo().Mode()); err != nil {
		return err
	}
	return inside.Chtimes(header.Name, header.ModTime, header.ModTime)
}

type counting struct {
	reader io.Reader
	count  func(bytes int64)
}

func (c *counting) Read(data []byte) (int, error) {
	n, err := c.reader.Read(data)
	c.count(int64(n))
	return n, err
}

// settle moves what was staged to its place. A container looks at the place meanwhile: content of the kubelet's kind is swapped as the kubelet does it
// (first the dated directory, then `..data` in one step), so that nobody sees two versions mixed.
func settle(stage, place string) error {
	staged := filepath.Join(stage, rootName)
	info, err := os.Lstat(staged)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		// A container has the file itself mounted: another one in its place would not be seen. (Files of subPath never change in a pod either.)
		if _, err := os.Lstat(place); err == nil {
			return nil
		}
		return os.Rename(staged, place)
	}
	present, err := os.Lstat(place)
	if errors.Is(err, os.ErrNotExist) {
		return os.Rename(staged, place)
	}
	if err != nil || !present.IsDir() {
		return fmt.Errorf("%s is in the way", place)
	}
	entries, err := os.ReadDir(staged)
	if err != nil {
		return err
	}
	wanted := map[string]bool{}
	for _, entry := range entries {
		wanted[entry.Name()] = true
	}
	move := func(name string) error { return replace(filepath.Join(staged, name), filepath.Join(place, name)) }
	// Dated directories, the swap, then the rest.
	for _, round := range []func(name string) bool{
		func(name string) bool { return strings.HasPrefix(name, "..") && name != swapped },
		func(name string) bool { return name == swapped },
		func(name string) bool { return !strings.HasPrefix(name, "..") },
	} {
		for _, entry := range entries {
			if round(entry.Name()) {
				if err := move(entry.Name()); err != nil {
					return err
				}
			}
		}
	}
	old, err := os.ReadDir(place)
	if err != nil {
		return err
	}
	for _, entry := range old {
		if !wanted[entry.Name()] {
			if err := os.RemoveAll(filepath.Join(place, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

func replace(from, to string) error {
	there, err := os.Lstat(to)
	if errors.Is(err, os.ErrNotExist) {
		return os.Rename(from, to)
	}
	if err != nil {
		return err
	}
	if there.IsDir() {
		// A dated directory of that name has that content; others are plain copies, where nothing is promised about the moment.
		if strings.HasPrefix(filepath.Base(to), "..") {
			return nil
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
		return os.Rename(from, to)
	}
	if there.Mode()&os.ModeSymlink != 0 {
		before, _ := os.Readlink(to)
		if now, err := os.Readlink(from); err == nil && now == before {
			return nil
		}
	}
	return os.Rename(from, to)
}
