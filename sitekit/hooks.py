"""The only file that MkDocs loads. Each event hands plain values to a plain function of a neighbour."""

from __future__ import annotations

import hashlib
import logging
import posixpath
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin

import mkdocs_jupyter.config
import nbconvert.exporters.html
from mkdocs.exceptions import PluginError
from mkdocs.plugins import CombinedEvent, event_priority
from mkdocs.structure.files import File

from sitekit import (
    blocks,
    fact_files,
    generate,
    glossary,
    labs,
    layers,
    links,
    live_figures,
    page_context,
    quiz,
    rows,
    stylesheets,
)

if TYPE_CHECKING:
    from jinja2 import Environment
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.livereload import LiveReloadServer
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page
    from mkdocs.utils.templates import TemplateContext

log = logging.getLogger("mkdocs.plugins.sitekit")

serving = False
topics: dict[str, layers.Topic] = {}
images: dict[str, dict[str, labs.Image]] = {}  # of each notebook, by its src_uri
terms: dict[str, fact_files.Term] = {}


def on_startup(command: str, dirty: bool) -> None:
    global serving
    serving = command == "serve"


def on_config(config: MkDocsConfig) -> None:
    root = root_of(config)
    try:
        topics.clear()
        topics.update({name: layers.read_topic(root, name) for name in layers.topics_of(config.nav or [])})
        terms.clear()
        terms.update(fact_files.Facts(root).glossary)
    except (layers.LayerError, rows.FactError) as error:
        raise PluginError(str(error)) from None
    for asset in (*config.extra_css, *map(str, config.extra_javascript)):
        if not Path(config.docs_dir, asset).is_file():
            raise PluginError(f"docs/{asset}: no such file, but mkdocs.yml names it; add it or mend the name")
    config.nav = layers.expand_nav(config.nav or [], topics)
    config.edit_uri = config.edit_uri if config.repo_url else ""
    if config.plugins["material/offline"].config.enabled:
        # search needs a worker, which browsers refuse on file://; Material would fetch this shim from afar
        config.extra["polyfills"] = ["assets/iframe-worker.js"]
    use_notebook_template(config)


def on_pre_build(config: MkDocsConfig) -> None:
    root = root_of(config)
    stamp, state = root / ".cache/checked", fingerprint(root)
    if stamp.is_file() and stamp.read_text() == state:
        return  # the same sources were in order last time
    try:
        stale = generate.run(root, write=serving)
    except (generate.GenerateError, layers.LayerError) as error:
        raise PluginError(str(error)) from None
    faults = links.check_repository(root)
    for path in [] if serving else stale:
        log.warning("%s: its generated parts are out of date; run: make generate", path)
    for fault in faults:
        log.warning("%s", fault)
    if not stale and not faults:
        stamp.parent.mkdir(exist_ok=True)
        stamp.write_text(state)


def on_env(env: Environment, config: MkDocsConfig, files: Files) -> None:
    env.trim_blocks = env.lstrip_blocks = True  # a template's line that only holds a tag leaves nothing


@event_priority(100)
def mount_labs(files: Files, config: MkDocsConfig) -> Files:
    images.clear()
    script = File.generated(config, glossary.SCRIPT, content=glossary.definitions(terms))
    files.append(script)
    folder = root_of(config) / "labs"
    for file in labs.lab_files(folder, config):
        files.append(file)
        if file.src_uri.endswith(".ipynb"):
            try:
                images[file.src_uri] = labs.read_images(folder.parent / file.src_uri[3:], file.src_uri[3:])
            except labs.LabError as error:
                raise PluginError(str(error)) from None
            for image in labs.image_files(images[file.src_uri].values(), file, config):
                if image.src_uri not in files.src_uris:
                    files.append(image)
    return files


@event_priority(-100)  # after mkdocs-jupyter, which makes the list of files anew
def place_labs(files: Files, config: MkDocsConfig) -> Files:
    for file in files:
        if file.src_uri.startswith("../labs/"):
            labs.place_in_site(file)
    return labs.RepositoryFiles(list(files))


def make_scripts(files: Files, config: MkDocsConfig) -> Files:
    """What live figures read: see sitekit/live_figures.py."""
    try:
        made = {
            **live_figures.weights_scripts(),
            live_figures.FACTS: live_figures.facts_script(root_of(config)),
        }
    except rows.FactError as error:
        raise PluginError(str(error)) from None
    for path, content in made.items():
        files.append(File.generated(config, path, content=content))
    return files


on_files = CombinedEvent(mount_labs, place_labs, make_scripts)


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    topic, layer = place_of(page)
    lab = page_context.lab_of(topic, page.file.src_uri) if topic else None
    page.meta["description"] = lab.teaches if lab else page.meta.get("summary", config.site_description)
    if page.file.src_uri.endswith(".md"):
        figures = Path(config.docs_dir, live_figures.FOLDER)
        try:
            live_figures.check(page.file.content_string, f"docs/{page.file.src_uri}", figures)
        except live_figures.LiveFigureError as error:
            raise PluginError(str(error)) from None
    if layer and not layer.written:
        return f"# {layer.front.title}\n\n{markdown}"
    return blocks.without_generator(markdown)


def on_page_content(html: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    uri = page.file.src_uri
    if "</h1>" not in html:
        raise PluginError(f"{path_of(page)}: no main heading; begin the text with '# {page.title}'")
    try:
        if uri in images:
            html, lost = labs.rewrite_links(html, uri, lambda path: url_of(files, path, page.file))
            for target in lost:
                log.warning("%s: link '%s' leads to no page of the site", uri[3:], target)
            html = labs.finish(html, images[uri], relative(labs.image_folder(page.file), page))
        html = blocks.figures(html, lambda src: svg_of(files, src, page, root_of(config)))
    except (labs.LabError, blocks.FigureError) as error:
        raise PluginError(str(error)) from None
    html = quiz.group(html)
    glossary_url = url_of(files, glossary.PAGE, page.file)
    if glossary_url and uri != glossary.PAGE and not page.is_homepage:
        html = glossary.linker(terms.values(), path_of(page))(html, glossary_url)
    html = live_figures.place(html)
    return blocks.code(blocks.tables(html))


def on_page_context(context: TemplateContext, page: Page, config: MkDocsConfig, nav: Any) -> None:
    find = page_finder(nav, page)
    topic, layer = place_of(page)
    more: dict[str, Any] = {"topic": topic, "steps": page_context.steps(topics)}
    if topic and layer:
        uri = page.file.src_uri
        more |= {"layer": layer, "layer_bar": page_context.layer_bar(topic, layer, find)}
        if lab := page_context.lab_of(topic, uri):
            more |= {"lab": lab, "colab": labs.colab_url(config.repo_url, uri[3:])}
        else:
            more["opening"] = page_context.opening(layer, find)
        if path_of(page) in page_context.steps_of(topic, layer):
            more["step"] = path_of(page)
    context.update(more)  # type: ignore[typeddict-item]


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    return blocks.name_toggles(output)


def on_post_template(output: str, template_name: str, config: MkDocsConfig) -> str:
    # a sitemap needs the site's address; an empty output is not written
    if template_name.startswith("sitemap.xml") and not config.site_url:
        return ""
    return blocks.name_toggles(output)


def on_post_build(config: MkDocsConfig) -> None:
    if not serving:
        stylesheets.trim_site(Path(config.site_dir), data={live_figures.WEIGHTS, live_figures.DRAFT})


def on_serve(server: LiveReloadServer, config: MkDocsConfig, builder: Any) -> None:
    server.watch(str(root_of(config) / "labs"))  # docs/, with facts and theme, is watched by MkDocs


# --- between MkDocs' objects and plain values ------------------------------------------------------


def root_of(config: MkDocsConfig) -> Path:
    return Path(config.docs_dir).parent


def fingerprint(root: Path) -> str:
    """A hash of all that the checks of the sources read: of some files the names, for links lead there."""
    digest = hashlib.sha256()
    for name in links.files_of(root):
        digest.update(f"{name}\0".encode())
        room, path = name.partition("/")[0], root / name
        if room in ("docs", "labs", "pebble", "sitekit", name) and path.suffix != ".pyc" and path.is_file():
            digest.update(path.read_bytes() + b"\0")
    return digest.hexdigest()


def place_of(page: Page) -> tuple[layers.Topic | None, layers.Layer | None]:
    """The topic and the layer that a page belongs to."""
    return next(((t, layer) for t in topics.values() if (layer := t.layer_of(path_of(page)))), (None, None))


def path_of(page: Page) -> str:
    """Where a page's source lies in the repository."""
    return posixpath.normpath(f"docs/{page.file.src_uri}")


def url_of(files: Files, path: str, origin: File) -> str | None:
    file = files.get_file_from_path(path)
    return file.url_relative_to(origin) if file else None


def relative(path: str, page: Page) -> str:
    """A folder of the site, as the page links to it."""
    return posixpath.relpath(path, posixpath.dirname(page.file.dest_uri) or ".") + "/"


def svg_of(files: Files, src: str, page: Page, root: Path) -> str | None:
    """The text of the SVG that a page's `src` names, if it is a file of ours."""
    dest = unquote(urljoin("/" + page.file.url, src)).lstrip("/")
    file = next((f for f in files.media_files() if f.dest_uri == dest), None)
    if file is None or file.abs_src_path is None:
        return None
    svg = file.content_string
    blocks.check_svg(Path(file.abs_src_path).relative_to(root).as_posix(), svg)
    return svg


def page_finder(nav: Any, origin: Page) -> page_context.Find:
    pages = {page.file.src_uri: page for page in nav.pages}

    def find(uri: str) -> tuple[str, str] | None:
        page = pages.get(uri)
        return (page.file.url_relative_to(origin.file), page.title) if page else None

    return find


def use_notebook_template(config: MkDocsConfig) -> None:
    """Have mkdocs-jupyter render with our template, and cache what it makes for as long as it is right."""
    folder = root_of(config) / "docs/.notebook"
    mkdocs_jupyter.config.settings.templates_dir = str(folder)
    # its own key covers notebook and settings only
    made_by = [version("mkdocs-jupyter"), version("nbconvert"), version("pygments")]
    made_by += [path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.j2"))]
    key = hashlib.sha256("".join(made_by).encode()).hexdigest()[:12]
    config.plugins["mkdocs-jupyter"].config["cache_dir"] = f".cache/labs/{key}"
    nbconvert.exporters.html.BeautifulSoup = AsItIs  # type: ignore[attr-defined, assignment]


class AsItIs(str):
    """Stands in for a parse of every finished notebook, a quarter of the work of a build.

    nbconvert searches it for images without a text and for elements of its own template, to mend them.
    `labs.finish` sees to the texts, and our template has none of those elements.
    """

    def __new__(cls, html: str, features: str) -> AsItIs:
        return super().__new__(cls, html)

    def select(self, selector: str) -> list[None]:
        return []
