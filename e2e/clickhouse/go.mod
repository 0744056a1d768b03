module tributary.dev/e2e/clickhouse

go 1.26

require (
	github.com/ClickHouse/ch-go v0.74.0
	github.com/ebitengine/purego v0.11.3
	github.com/klauspost/compress v1.20.3
	github.com/pierrec/lz4/v4 v4.1.33
)

require (
	github.com/go-faster/city v1.0.1 // indirect
	github.com/go-faster/errors v0.7.1 // indirect
)
