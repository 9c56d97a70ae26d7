package main

import (
	"bufio"
	"encoding/binary"
	"io"
	"os"

	"github.com/pkg/sftp"
)

func serveSftp() error {
	// Relative paths start at the working directory, which is the root; with a directory of its own the server would make targets of symlinks absolute.
	server, err := sftp.NewServer(stdio{exactMkdir(os.Stdin), os.Stdout}, sftp.WithAllocator())
	if err != nil {
		return err
	}
	if err := server.Serve(); err != nil && err != io.EOF {
		return err
	}
	return nil
}

type stdio struct {
	io.Reader
	io.Writer
}

func (stdio) Close() error { return os.Stdout.Close() }

// Of draft-ietf-secsh-filexfer-02.
const (
	typeSetstat         = 9
	typeMkdir           = 14
	attributePermission = 4
	// As the server's own limit.
	mostPacketBytes = 256 << 10
)

// exactMkdir gives directories the mode that the client asked for, which the server ignores: it makes them itself and lets the server see a
// request that changes nothing. Where making one fails, the server is asked to, for its answer.
func exactMkdir(input io.Reader) io.Reader {
	output, feed := io.Pipe()
	go func() {
		source := bufio.NewReaderSize(input, 64<<10)
		header := make([]byte, 4)
		body := make([]byte, 0, 64<<10)
		for {
			if _, err := io.ReadFull(source, header); err != nil {
				feed.CloseWithError(io.EOF)
				return
			}
			size := binary.BigEndian.Uint32(header)
			if size == 0 || size > mostPacketBytes {
				feed.CloseWithError(io.ErrUnexpectedEOF)
				return
			}
			if uint32(cap(body)) < size+4 {
				body = make([]byte, 0, size+4)
			}
			packet := body[:size+4]
			copy(packet, header)
			if _, err := io.ReadFull(source, packet[4:]); err != nil {
				feed.CloseWithError(io.EOF)
				return
			}
			if replaced := mkdirDone(packet); replaced != nil {
				packet = replaced
			}
			if _, err := feed.Write(packet); err != nil {
				return
			}
		}
	}()
	return output
}

// mkdirDone makes the directory of a mkdir packet that names a mode; nil when it was none or when that failed.
func mkdirDone(packet []byte) []byte {
	if packet[4] != typeMkdir || len(packet) < 13 {
		return nil
	}
	length := int(binary.BigEndian.Uint32(packet[9:]))
	end := 13 + length
	if length <= 0 || len(packet) != end+8 || binary.BigEndian.Uint32(packet[end:]) != attributePermission {
		return nil
	}
	mode := binary.BigEndian.Uint32(packet[end+4:])
	path := string(packet[13:end])
	if path[0] != '/' {
		path = "/" + path
	}
	if os.Mkdir(path, os.FileMode(mode&0o777)) != nil {
		return nil
	}
	done := append([]byte(nil), packet[:end+4]...)
	binary.BigEndian.PutUint32(done, uint32(len(done)-4))
	done[4] = typeSetstat
	binary.BigEndian.PutUint32(done[end:], 0)
	return done
}
