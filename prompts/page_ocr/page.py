"""What an answer to any version of page_ocr looks like.

The class docstrings and field descriptions travel with every request as part of the response
schema: they are words to the model, and changing them changes every fingerprint.
"""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from pagewave.page_model import PageModel

CONTEXT_CHARS = 500
CONTEXT_COURSES = 3
CONTEXT_VALUE_CHARS = 200  # of a course's name, department, level or term


class Part(BaseModel):
    # A page number that came as 12 instead of "12" is not worth a second purchase.
    model_config = ConfigDict(coerce_numbers_to_str=True)


class TextBlock(Part):
    """One block of text that belongs together on the page, such as a heading or a paragraph."""

    block_id: int = Field(description="1 for the first block in reading order, then 2, 3, …")
    position: str = Field(
        description="Where the block stands, such as 'top center' or 'left column, middle'."
    )
    text: str = Field(
        description="The block's words as printed, with a newline at the end of each printed line."
    )
    font_style: str = Field(
        description="How it is set, such as 'regular', 'italic', 'bold', 'capitals', 'small caps'."
    )


class RawOcr(Part):
    """The full transcription of the page."""

    text_blocks: list[TextBlock] = Field(
        description="All printed text, in reading order; empty when the page bears none."
    )
    layout_description: str = Field(
        description="One or two sentences: columns, tables, damage, and what could not be read."
    )


class PageInfo(Part):
    """Facts about the page as a whole."""

    page_number: str | None = Field(
        description="The page number as printed, such as '14' or 'xii'; null when none is printed."
    )
    is_complete_page: bool = Field(
        description="False when part of the page is cut off, covered or missing in the image."
    )
    content_type: str = Field(
        description="What the page mainly holds, in a word or two, such as 'courses', 'faculty', "
        "'calendar', 'expenses', 'title page', 'blank', 'unreadable'."
    )


class Textbook(Part):
    """A text-book named for a course."""

    title: str | None = Field(
        description="Its title as printed; null when only an author is named."
    )
    author: str | None = Field(
        description="Its author as printed; null when only a title is named."
    )


class Course(Part):
    """A course, or a subject of study, that this page lists."""

    course_name: str | None = Field(description="The name of the course or subject as printed.")
    department: str | None = Field(
        description="The department or branch it stands under, such as 'Mathematics'."
    )
    level: str | None = Field(
        description="The class or year it is for, such as 'Freshman Year' or 'Senior Class'."
    )
    term: str | None = Field(description="The term or session, such as 'First Term'.")
    description: str | None = Field(
        description="What the page says about the course beyond the other fields, as printed."
    )
    topics: list[str] | None = Field(
        description="The topics or parts it treats, each as printed; null when none are named."
    )
    instructors: list[str] | None = Field(
        description="Who teaches it, each name as printed; null when nobody is named."
    )
    textbooks: list[Textbook] = Field(
        description="The text-books named for it; empty when none are named."
    )


class Page(PageModel):
    """A page of a historical course catalog: its words first, then what they say."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    raw_ocr: RawOcr
    page_info: PageInfo
    school_name: str | None = Field(description="The school, when this page names it.")
    catalog_year: str | None = Field(
        description="The year of the catalog as printed, when this page gives it, such as '1852'."
    )
    academic_year: str | None = Field(
        description="The academic year as printed, when this page gives it, such as '1852-53'."
    )
    courses: list[Course] = Field(
        description="Every course of this page, in the order of the page; empty when it lists none."
    )

    def text(self) -> str:
        """The texts of all blocks that hold any, joined by newlines."""
        texts = (block.text for block in self.raw_ocr.text_blocks)
        return "\n".join(text for text in texts if text.strip())

    def context(self) -> str:
        """The end of the page's text and its last courses, for the prompt of the next page."""
        last_courses = self.courses[-CONTEXT_COURSES:]
        courses = [f"{number}. {_summary(c)}" for number, c in enumerate(last_courses, 1)]
        return (
            f"LAST_{CONTEXT_CHARS}_CHARS:\n{self.text()[-CONTEXT_CHARS:]}\n\n"
            f"LAST_{CONTEXT_COURSES}_COURSES:\n" + ("\n".join(courses) or "(none)")
        )

    def declared(self) -> Literal["blank", "unreadable"] | None:
        """The content type, when it is one of the two that mean that there is nothing to read."""
        words = self.page_info.content_type.casefold()
        if "unreadable" in words:
            return "unreadable"
        return "blank" if "blank" in words else None


def _summary(course: Course) -> str:
    """`Livy | department: Latin | level: Freshman Year | term: First Term`, on one line."""
    return (
        f"{_one_line(course.course_name)} | department: {_one_line(course.department)}"
        f" | level: {_one_line(course.level)} | term: {_one_line(course.term)}"
    )


def _one_line(value: str | None) -> str:
    """A value that cannot be taken for the end of its field, nor fill the prompt; `-` for null."""
    words = " ".join((value or "").replace("|", "/").split())
    return words[:CONTEXT_VALUE_CHARS] or "-"
