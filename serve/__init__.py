"""The index over HTTP, as a page for people, and over MCP for agents. Needs the extra `serve`, or `mcp`."""
