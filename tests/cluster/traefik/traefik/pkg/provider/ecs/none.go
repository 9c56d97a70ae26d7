// Package ecs stands in for Traefik's provider of that name, which needs Amazon's libraries: a fifth of all that Traefik is built from.
package ecs

import (
	"errors"

	"github.com/traefik/traefik/v3/pkg/config/dynamic"
	"github.com/traefik/traefik/v3/pkg/safe"
)

// Provider has no options.
type Provider struct{}

var errNone = errors.New("built without the ECS provider")

func (*Provider) Init() error { return errNone }

func (*Provider) Provide(chan<- dynamic.Message, *safe.Pool) error { return errNone }
