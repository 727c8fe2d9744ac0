"""Crawling a shop's own pages: politely, within its site, resumable, without falling into traps."""

from goodsense.crawl.crawler import Crawler, site
from goodsense.crawl.report import CrawlLimits, CrawlReport
from goodsense.crawl.scope import Scope, canonical
from goodsense.crawl.sitemaps import Sitemap, read_sitemap

__all__ = ["CrawlLimits", "CrawlReport", "Crawler", "Scope", "Sitemap", "canonical", "read_sitemap", "site"]
